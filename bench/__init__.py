"""Figures of DCanary, each as a ratio to a named peer or limit, all measured in one run.

Seconds say more about the machine than about DCanary; ratios within one run can be compared between
machines and over time. `python -m bench` (or `make bench`) measures and prints.
"""
