"""What a folder holds, and the pipeline that fits it: detection, templates, `dcanary init`."""
