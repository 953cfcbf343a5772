"""The codes of all diagnostics. Their stories, which ``netgen explain`` tells, stand in stories.md beside this file."""

from __future__ import annotations

import os
from functools import cache


class Code:
    """A kind of diagnostic. A title says what went wrong in general; a diagnostic may have a more telling one."""

    __slots__ = ("name", "title")

    def __init__(self, name: str, title: str) -> None:
        self.name = name
        self.title = title

    @property
    def story(self) -> str:
        """What it means and what to do, in Markdown, with a wrong and a right program where they can show it."""
        return _stories()[self.name]


_TITLES = {
    # 1xx: syntax
    "NG101": "unexpected character",
    "NG102": "unexpected word or sign",
    "NG103": "string not closed",
    "NG104": "bracket or brace not closed",
    "NG105": "empty file",
    "NG106": "not UTF-8",
    "NG107": "binary file",
    "NG108": "bad interpolation or escape in a string",
    "NG109": "number out of range",
    "NG110": "nested too deep",
    "NG111": "file too large",
    # 2xx: names, arguments, values
    "NG201": "unknown name",
    "NG202": "unknown operator or block",
    "NG203": "missing argument",
    "NG204": "unknown argument",
    "NG205": "too many arguments",
    "NG206": "argument given twice",
    "NG207": "wrong type of argument",
    "NG208": "argument out of range",
    "NG209": "wrong number of tensors",
    "NG210": "defined twice",
    "NG211": "never used",
    "NG212": "two layers with one name",
    "NG213": "file or library not found",
    "NG214": "no such block in the file",
    "NG215": "files use each other in a circle",
    "NG216": "a block calls itself",
    "NG217": "too large",
    "NG218": "which net?",
    "NG219": "unknown setting",
    "NG220": "bad setting",
    "NG221": "a net begins with input",
    "NG222": "a requirement is not met",
    "NG223": "wrong number of results",
    "NG224": "impossible arithmetic",
    "NG225": "wrong types for this operation",
    "NG226": "the block returns nothing",
    "NG227": "reserved name",
    "NG228": "a tensor is not a number",
    "NG229": "shared weights do not fit",
    "NG230": "nothing is named here",
    "NG231": "not for this kind of file",
    # 3xx: shapes
    "NG301": "wrong number of axes",
    "NG302": "groups do not divide the channels",
    "NG303": "shapes do not match",
    "NG304": "axis out of range",
    "NG305": "window is larger than the input",
    "NG306": 'pad = "same" needs an odd window',
    "NG307": "reshape does not fit",
    "NG308": "bad slice",
    "NG309": "tensor is too large",
    # 4xx: what a target cannot say
    "NG401": "Caffe cannot say this",
    "NG402": "PyTorch cannot say this",
    "NG403": "ONNX cannot say this",
    "NG404": "the language cannot say this",
    "NG405": "the dialect cannot say this",
    "NG406": "the model cannot leave this size open",
    # 5xx: files
    "NG501": "cannot read the file",
    "NG502": "cannot write the file",
    "NG510": "not a prototxt",
    "NG511": "a template",
    "NG512": "string not closed",
    "NG513": "braces do not match",
    "NG514": "not a comment",
    "NG515": "not a field",
    "NG516": "text without quotes",
    "NG517": "merge conflict",
    "NG518": "too large",
    "NG519": "not as Caffe reads it",
    "NG520": "wrong value for a field",
    "NG521": "unknown word",
    "NG522": "a field given twice",
    "NG523": "unknown field",
    "NG524": "not as Caffe writes it",
    "NG525": "two generations in one file",
    "NG526": "missing field",
    "NG527": "cannot be upgraded",
    "NG528": "lost or guessed in the upgrade",
    "NG529": "not a file of Caffe's",
    "NG530": "unknown bottom blob",
    "NG531": "a blob is made twice",
    "NG532": "a blob with other readers is overwritten",
    "NG533": "no such blob",
    "NG534": "not a net",
    "NG535": "no layers",
    "NG536": "rules of both kinds",
    "NG537": "in place where Caffe cannot",
    # 6xx: weights
    "NG601": "damaged file of weights",
    "NG602": "not a file of weights",
    "NG603": "a pickle with code in it",
    "NG604": "the weights do not fit the net",
    "NG605": "bad mapping of weights",
    "NG606": "unusable kind of numbers",
    "NG607": "too large for a caffemodel",
    "NG608": "a package is missing",
    "NG609": "about these weights",
    "NG610": "weights that are not finite",
    "NG611": "the input cannot be folded",
    # 7xx: running and verifying
    "NG701": "no such input",
    "NG702": "the net does not take this input",
    "NG703": "a runtime is missing",
    "NG704": "no such device",
    "NG705": "not an array for an input",
    "NG706": "not for a CUDA graph",
    "NG707": "nothing to look at",
    # 8xx: what could be better
    "NG801": "a bias before a batch normalisation",
    "NG802": "an activation without effect",
    "NG803": "an activation twice",
    "NG804": "nobody reads it",
    "NG805": "a size that PyTorch rounds otherwise",
    "NG806": "groups that run slowly",
    "NG807": "dropout beside a batch normalisation",
    "NG808": "a name that not everybody can take",
    # 9xx: netgen itself
    "NG901": "a fault of netgen's own",
}

CODES = {name: Code(name, title) for name, title in _TITLES.items()}


@cache
def _stories() -> dict[str, str]:
    """The stories by code: in stories.md each stands below a heading of its own."""
    with open(os.path.join(os.path.dirname(__file__), "stories.md"), encoding="utf-8") as file:
        _, *sections = file.read().split("\n## ")
    return {section[:5]: section.partition("\n")[2].strip() for section in sections}
