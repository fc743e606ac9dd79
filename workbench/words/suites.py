"""What is wrong with the text that quality is to be judged on."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "suite.unknown": (
        "There is no suite {name}.",
        "The built-in ones are {known}; anything else is the path of a text file. Nearest: {nearest}.",
        "Name a suite, or a file that ends in .txt, .md or .jsonl.",
    ),
    "suite.not_readable": (
        "{file} cannot be read: {problem}.",
        "",
        "Check the path; a relative one starts at the current directory.",
    ),
    "suite.not_utf8": (
        "{file} is not UTF-8: the byte at position {position} belongs to another encoding.",
        "Text in a wrong encoding would be judged as what it is not.",
        "Save it as UTF-8, for example: iconv -f GB18030 -t UTF-8 FILE > NEW",
    ),
    "suite.not_text": (
        "{file} holds bytes that no text has.",
        "It looks like a binary file, or like UTF-16.",
        "Give plain text in UTF-8.",
    ),
    "suite.empty": ("{file} is empty.", "", "Put text into it: a page or more says most."),
    "suite.too_short": (
        "{file} has {characters} characters; at least {least} are needed.",
        "From a handful of tokens no statistic has an error bar worth showing.",
        "Give a page or more.",
    ),
    "suite.too_large": (
        "{file} has {megabytes:.0f} MB; at most {most:.0f} MB are read.",
        "A few pages say as much: only some thousand tokens are run.",
        "Give a part of it.",
    ),
    "suite.bad_line": (
        "Line {line} of {file} is no chat prompt: {problem}",
        'A line is a JSON string, an object with "prompt", or one with "messages": a list of objects with "role" and "content".',
        "Correct that line.",
    ),
    "suite.too_many": (
        "{file} has {count} prompts; at most {most} are run.",
        "Each is answered by the reference and by every candidate.",
        "Give a part of them.",
    ),
}
