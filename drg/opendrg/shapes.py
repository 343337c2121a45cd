"""The parts of OpenDRG's sources that hold logic, compared with the logic that we replace.

Each template below says, in our own names, what our engine does in its place. A source
is accepted if it is the same program but for names and messages; anything else is
refused, because then our engine would answer differently.
"""

from __future__ import annotations

import ast
import copy
import textwrap
from collections.abc import Sequence
from typing import cast

from drg.opendrg.checkout import Module, refusal
from drg.opendrg.lists import is_message

_LEVEL = """
def counts(principal, others):
    table = CCE.get(principal)
    for code in others:
        if code in {level}:
            own = {level}.get(code)
            if table and table == own:
                continue
            else:
                return True
"""
_INTERSECT = """
def share(left, right):
    for one in left:
        for other in right:
            if one == other:
                return True
    return False
"""
_ANSWER = """
def answer(self, record):
    found = group(record)
    {retry}
    if found == '0000':
        return GroupResult(record.Index, DrgGroupStatus.FAIL.value, self.return_messages(), '0000', '00', '0000')
    elif found[1:3] == '00':
        return GroupResult(record.Index, DrgGroupStatus.FAIL.value, self.return_messages(), 'MDC' + found[0], '00', '0000')
    elif found[1:3] == 'QY':
        return GroupResult(record.Index, DrgGroupStatus.QY.value, self.return_messages(), 'MDC' + found[0], 'QY', found)
    else:
        return GroupResult(record.Index, DrgGroupStatus.SUCCESS.value, self.return_messages(), 'MDC' + found[0], found[:3], found)
"""
_RETRY = """if found == '0000' and record.ssList and len(record.ssList) > 1:
        for one in record.ssList[1:]:
            record = record._replace(ssList=[one])
            found = group(record)
            if found != '0000':
                break"""
_ANSWER_ELSEWHERE = """
def answer(self, record):
    found = group(record)
    return create_result(record.Index, self.return_messages(), found)
"""
_CREATE = """
def create(index, told, found):
    if found == '0000':
        return GroupResult(index, DrgGroupStatus.FAIL.value, told, '0000', '00', '0000A')
    elif found[1:3] == '00':
        return GroupResult(index, DrgGroupStatus.FAIL.value, told, 'MDC' + found[0], '00', '0000B')
    elif found[1:3] == 'QY':
        return GroupResult(index, DrgGroupStatus.QY.value, told, 'MDC' + found[0], 'QY', found)
    else:
        return GroupResult(index, DrgGroupStatus.SUCCESS.value, told, 'MDC' + found[0], found[:3], found)
"""
_SITES = """
def sites(record, mdc_zd):
    site_of = {}
    site = ''
    for x in mdc_zd:
        if x.endswith('创伤'):
            site = x
        else:
            site_of[x] = site
    named = set(record.zdList).intersection(site_of.keys())
    reached = set([site_of.get(x) for x in named])
    if named:
        if len(reached) < 2:
            return ''
    else:
        return ''
"""
_ROLES = """
def roles(record, adrg_ss, adrg_ss1):
    matched = [adrg_ss1[adrg_ss.index(x)] for x in record.ssList if x in adrg_ss]
"""
SITE_MARK = "创伤"
"""How the headers end that stand between the codes of the sites."""
SITES_NEEDED = 2
"""How many sites the template of the multiple trauma asks for."""

_READER = {
    "read": """
def read(self, name):
    self.iter = iter(open(os.path.join(self.path, name + '.dat'), encoding='utf8').readlines())
    return self
""",
    "to_list": """
def to_list(self, _map=get_first_field, _filter=None):
    return list(map(_map, filter(_filter, self.iter)))
""",
    "to_set": """
def to_set(self, _map=get_first_field, _filter=None):
    return set(map(_map, filter(_filter, self.iter)))
""",
    "to_dict": """
def to_dict(self, _map=spliter, _filter=None):
    return dict(map(_map, filter(_filter, self.iter)))
""",
}
_FIRST = "f = lambda x: x.replace('\\n', '').partition(' ')[0]"
_BOTH = "f = lambda x: (x.partition(' ')[0], x.partition(' ')[-1].replace('\\n', ''))"
_READS = {
    "MCC": ("to_dict",),
    "CC": ("to_dict",),
    "CCE": ("to_dict",),
    "SS_VALID": ("to_dict", "to_list", "to_set"),
}


def check_base(module: Module) -> None:
    """OpenDrgError unless MCC, CC, exclusions and common codes mean what we take them for."""
    expected = {
        "has_mcc": _LEVEL.format(level="MCC"),
        "has_cc": _LEVEL.format(level="CC"),
        "intersect": _INTERSECT,
    }
    for name, template in expected.items():
        _check_function(module, name, template)
    assigned: dict[str, ast.Assign] = {}
    for node in module.tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if not isinstance(target, ast.Name):
                    raise refusal(
                        "the source has a statement that the importer does not know",
                        module.path,
                        node,
                    )
                if target.id in module.functions:
                    what = f"{target.id} is a function and is then replaced"
                    raise refusal(what, module.path, node)
                assigned[target.id] = node
    for name, template in (("get_first_field", _FIRST), ("spliter", _BOTH)):
        if name not in assigned or not same([_renamed(assigned[name])], template):
            what = f"{name} is missing or not the function that the importer knows"
            raise refusal(what, module.path, assigned.get(name))
    _check_reader(module)
    for name, ways in _READS.items():
        read = assigned.get(name)
        known = {f"reader.read('{name}').{way}()" for way in ways}
        if read is None or ast.unparse(read.value) not in known:
            raise refusal(
                f"{name} is not read from DATA/{name}.dat as the importer knows it",
                module.path,
                read,
            )


def _check_reader(module: Module) -> None:
    methods = {
        method.name: method
        for node in module.tree.body
        if isinstance(node, ast.ClassDef) and node.name == "Reader"
        for method in node.body
        if isinstance(method, ast.FunctionDef)
    }
    for name, template in _READER.items():
        method = methods.get(name)
        if method is None or not same([method], template):
            what = f"Reader.{name} is missing or not the method that the importer knows"
            raise refusal(what, module.path, method)


def _renamed(node: ast.Assign) -> ast.Assign:
    return ast.Assign([ast.Name("f", ast.Store())], node.value)


def read_answer(module: Module, base: Module) -> tuple[bool, bool]:
    """How a grouper answers: whether it tries other procedures, and whether it marks 0000A and 0000B."""
    methods = [
        method
        for node in module.tree.body
        if isinstance(node, ast.ClassDef)
        for method in node.body
        if isinstance(method, ast.FunctionDef) and method.name == "group"
    ]
    if len(methods) != 1:
        raise refusal("the source has no grouper class with one method group", module.path)
    method = methods[0]
    if same([method], _ANSWER.format(retry="pass")):
        return False, False
    if same([method], _ANSWER.format(retry=_RETRY)):
        return True, False
    if same([method], _ANSWER_ELSEWHERE):
        _check_function(base, "create_result", _CREATE)
        return False, True
    raise refusal(
        "the grouper answers in a way that the importer does not know", module.path, method
    )


def counts_sites(statements: Sequence[ast.stmt]) -> bool:
    """Whether the statements count the body sites of injuries, with the limit of two."""
    return _same_body(statements, _SITES)


def matches_roles(statement: ast.stmt) -> bool:
    """Whether the statement collects the roles that the procedures of the stay play."""
    return _same_body([statement], _ROLES)


def same(nodes: Sequence[ast.stmt], template: str) -> bool:
    """Whether a function is the program of the template but for its names and messages."""
    given = [copy.deepcopy(node) for node in nodes]
    wanted = ast.parse(textwrap.dedent(template)).body
    return [_canonical(node) for node in given] == [_canonical(node) for node in wanted]


def _check_function(module: Module, name: str, template: str) -> None:
    function = module.functions.get(name)
    if function is None or not same([function], template):
        raise refusal(
            f"{name} is missing or not the function that the importer knows", module.path, function
        )


def _same_body(statements: Sequence[ast.stmt], template: str) -> bool:
    outer = cast("ast.FunctionDef", ast.parse(textwrap.dedent(template)).body[0])
    given = copy.deepcopy(outer)
    given.body = [copy.deepcopy(node) for node in statements]
    return _canonical(given) == _canonical(outer)


def _canonical(node: ast.stmt) -> str:
    """The program as text, without messages, its local names replaced by numbers."""
    node = _Silence().visit(node)
    order: dict[str, str] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.arg):
            order.setdefault(part.arg, f"_{len(order)}")
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            order.setdefault(part.id, f"_{len(order)}")
    for part in ast.walk(node):
        if isinstance(part, ast.FunctionDef):
            part.name = "_"
        elif isinstance(part, ast.arg):
            part.arg = order[part.arg]
        elif isinstance(part, ast.Name):
            part.id = order.get(part.id, part.id)
    return ast.dump(node)


class _Silence(ast.NodeTransformer):
    """Takes out messages, and conditions under which nothing but a message stands."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for name in ("body", "orelse"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                setattr(node, name, [one for one in block if not _is_silent(one)])
        return node


def _is_silent(node: ast.stmt) -> bool:
    return is_message(node) or (isinstance(node, ast.If) and not node.body and not node.orelse)
