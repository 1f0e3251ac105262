"""One module per page family; each holds a blueprint called `page`."""
