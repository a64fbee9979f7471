"""Reading the files of strangers: values that know their line, and errors that name it."""
