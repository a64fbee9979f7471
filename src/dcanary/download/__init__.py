"""Downloads of files whose hash is known beforehand: the only place that does them.

`downloader` keeps what was verified in an ObjectStore; `hosts` decides what may be connected to;
`registries` are the places that packages come from, as the tools of this machine are set to.
"""
