"""DCanary: CI/CD that lives on the Internet Computer."""

__version__ = "0.2.0"
