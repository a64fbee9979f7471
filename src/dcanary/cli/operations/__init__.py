"""What commands do, without how they are typed or printed. The demo runs these too."""
