"""Words of copies of the notebooks."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "notebooks.help": "copy the notebooks for somebody to work in, in the language of WORKBENCH_LANG",
    "notebooks.folder_help": "where they go; what is there stays as it is",
    "notebooks.reset_help": "put them back as they came; what was there goes into a folder beside them",
    "notebooks.none": (
        "There are no notebooks to copy.",
        "{folder} has none: they are part of a checkout, not of the installed package.",
        "Clone the repository and call its workbench.",
    ),
    "notebooks.same": ("{folder} holds the originals.", "", "Name another folder."),
    "notebooks.refused": ("The notebooks could not be copied to {folder}.", "{problem}", "Name another folder."),
}
