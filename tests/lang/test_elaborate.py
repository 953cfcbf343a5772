"""What programs mean: names, shapes, types, limits. One small program a test, held to the language reference."""

from __future__ import annotations

import pytest

from netgen.diag import Diagnostic, NetgenError, Source
from netgen.ir.graph import Graph
from netgen.lang import check_source, compile_source, evaluate_setting, nets


def graph_of(text: str, **settings: object) -> Graph:
    return compile_source(Source("test.net", text), settings=settings)[0]


def net(body: str, before: str = "") -> str:
    return f"{before}\nnet N(k: int = 3) {{\n    data = input(1, 8, 16, 16)\n{body}\n}}\n"


def names(text: str, **settings: object) -> list[str]:
    return [node.name for node in graph_of(text, **settings).nodes[1:]]


def shape(expression: str, before: str = "") -> tuple[int, ...]:
    return graph_of(net(f"    y = {expression}", before)).nodes[-1].y[0]


def problems(text: str, **settings: object) -> list[Diagnostic]:
    with pytest.raises(NetgenError) as caught:
        graph_of(text, **settings)
    return caught.value.diagnostics


def codes(text: str, **settings: object) -> list[str]:
    return [problem.code for problem in problems(text, **settings) if problem.severity == "error"]


def value(expression: str) -> object:
    """What an expression is worth, seen through a layer's name."""
    (name,) = names(net(f'    relu(data) as "{{{expression}}}"'))
    return name


CONV_BN = "block unit(x, out: int) {\n    return x -> conv(out, 3, pad = 1) -> batch_norm -> relu\n}"


class TestNames:
    """Rules 1 to 5 of the language reference."""

    def test_rule_1_a_variable_names_its_layer(self) -> None:
        assert names(net("    y = conv(data, 4, 1)")) == ["y"]

    def test_rule_1_inside_an_instance_the_name_is_prefixed(self) -> None:
        block = "block b(x) {\n    inner = relu(x)\n    return conv(inner, 4, 1)\n}"
        assert names(net("    y = b(data)", block)) == ["y/inner", "y"]

    def test_rule_2_as_gives_the_whole_name(self) -> None:
        block = 'block b(x) {\n    y = relu(x) as "{name}1"\n    return relu(y)\n}'
        assert names(net('    y = b(data) as "stem"', block)) == ["stem1", "stem"]

    def test_rule_3_what_is_returned_takes_the_instances_name(self) -> None:
        outer = CONV_BN + "\nblock outer(x) {\n    return unit(x, 4)\n}"
        assert names(net('    y = outer(data) as "o"', outer)) == ["o", "o/bn", "o/relu"]

    def test_rule_4_links_of_a_chain(self) -> None:
        assert names(net("    y = data -> conv(4, 1) -> batch_norm -> relu")) == ["y", "y/bn", "y/relu"]

    def test_rule_4_as_names_the_link_before_it(self) -> None:
        chain = '    y = data -> conv(4, 1) as "c" -> batch_norm -> relu as "r" -> max_pool(2)'
        assert names(net(chain)) == ["c", "c/bn", "r", "r/pool"]

    def test_rule_4_a_chain_may_begin_with_a_call(self) -> None:
        assert names(net('    y = unit(data, 4) -> relu as "end"', CONV_BN)) == ["y", "y/bn", "y/relu", "end"]

    def test_rule_5_made_names_are_made_unique(self) -> None:
        assert names(net("    x = data\n    for i in 1..3 { x = relu(x) }")) == ["x", "x_2", "x_3"]

    def test_rule_5_instances_are_made_unique_with_all_that_is_in_them(self) -> None:
        text = net("    x = data\n    for i in 1..2 { x = unit(x, 4) }", CONV_BN)
        assert names(text) == ["x", "x/bn", "x/relu", "x_2", "x_2/bn", "x_2/relu"]

    def test_rule_5_one_explicit_name_twice_is_an_error_that_shows_both_places(self) -> None:
        (problem,) = problems(net('    a = relu(data) as "r"\n    b = relu(a) as "r"'))
        assert problem.code == "NG212"
        assert str(problem.span) == "test.net:5:20"
        assert str(problem.notes[0].span) == "test.net:4:23"

    def test_rule_5_an_explicit_name_wins_over_an_earlier_made_one(self) -> None:
        assert names(net('    a = relu(data)\n    b = relu(a) as "a"')) == ["a_2", "a"]

    def test_instances_may_share_a_name_when_their_layers_do_not(self) -> None:
        block = 'block b(x, i: int) {\n    y = relu(x) as "{name}_{i}"\n    return y\n}'
        assert names(net('    x = b(data, 1) as "s"\n    x = b(x, 2) as "s"', block)) == ["s_1", "s_2"]

    def test_nested_calls_are_named_below_the_statement(self) -> None:
        assert names(net("    y = concat(conv(data, 1, 1), conv(data, 2, 1))")) == ["y/conv", "y/conv_2", "y"]

    def test_an_expression_alone_takes_the_operators_short_name(self) -> None:
        assert names(net("    conv(data, 4, 1)\n    data -> batch_norm -> relu")) == ["conv", "bn", "bn/relu"]

    def test_several_results(self) -> None:
        graph = graph_of(net("    a, b = slice(data, [3])\n    y = concat(b, a)"))
        assert [node.name for node in graph.nodes] == ["data", "slice", "y"]
        assert [value.variable for value in graph.nodes[1].outputs] == ["a", "b"]

    def test_names_do_not_depend_on_the_run(self) -> None:
        text = net('    a = relu(data)\n    b = relu(a) as "a"\n    for i in 1..4 { a = relu(b) }')
        assert names(text) == names(text)


class TestShapes:
    def test_conv(self) -> None:
        assert shape("conv(data, 4, 3, stride = 2)") == (1, 4, 7, 7)
        assert shape("conv(data, 4, [1, 5], pad = [0, 2])") == (1, 4, 16, 16)
        assert shape('conv(data, 4, 3, dilation = 2, pad = "same")') == (1, 4, 16, 16)

    def test_a_tensor_knows_its_shape(self) -> None:
        assert value("data.channels") == "8"
        assert value("data.shape") == "[1, 8, 16, 16]"
        assert value("data.height * data.width + data.batch") == "257"

    def test_shapes_decide_branches(self) -> None:
        block = "block b(x) {\n    if x.channels == 8 { x = conv(x, 2, 1) } else { x = conv(x, 3, 1) }\n    return x\n}"
        assert names(net("    y = b(data)\n    z = b(y)", block)) == ["y/x", "z/x"]
        assert shape("b(b(data))", block) == (1, 3, 16, 16)


class TestValues:
    @pytest.mark.parametrize(
        "expression, expected",
        [
            ("7 // 2", "3"),
            ("7 / 2", "3.5"),
            ("-7 // 2", "-4"),
            ("-7 % 3", "2"),
            ("2 ** 3 ** 2", "512"),
            ("-2 ** 2", "-4"),
            ("1 + 2 * 3 - 4", "3"),
            ("if 1 < 2 and not 2 < 1 then 5 else 6", "5"),
            ("[1, 2, 3][-1]", "3"),
            ("len(1..4)", "4"),
            ("sum(1..4)", "10"),
            ("max(1, 2.5)", "2.5"),
            ("min([3, 2])", "2"),
            ("round(2.5)", "2"),
            ("round(2.567, 2)", "2.57"),
            ("ceil(2.1) + floor(2.9)", "5"),
            ("int(2.9)", "2"),
            ("float(2)", "2.0"),
            ("range(0, 10, 5)", "[0, 5]"),
            ("zip([1, 2], [3, 4])", "[[1, 3], [2, 4]]"),
            ("enumerate([5, 6], 1)", "[[1, 5], [2, 6]]"),
            ("[1] + [2] * 2", "[1, 2, 2]"),
            ("1 == 1.0", "true"),
            ("[1, 2] == 1..2", "true"),
        ],
    )
    def test_expressions_are_pythons(self, expression: str, expected: str) -> None:
        assert value(expression) == expected

    def test_and_does_not_look_at_its_right_side_in_vain(self) -> None:
        assert value("if false and 1 // 0 == 1 then 1 else 2") == "2"

    @pytest.mark.parametrize(
        "expression, code",
        [
            ("1 // 0", "NG224"),
            ("[1][1]", "NG224"),
            ("data + data", "NG228"),
            ("1 + true", "NG225"),
            ("-data", "NG228"),
            ("2 ** 2 ** 20", "NG224"),
            ("[0] * 10 ** 9", "NG217"),
            ("sum(1..10 ** 12)", "NG217"),
            ("data[0]", "NG228"),
            ("1.channels", "NG225"),
            ("data.depth", "NG201"),
            ("len(3)", "NG225"),
            ("1..2.5", "NG225"),
        ],
    )
    def test_what_cannot_be_computed_is_an_error(self, expression: str, code: str) -> None:
        assert codes(net(f"    k2 = {expression}\n    y = conv(data, k2, 1)")) == [code]

    def test_settings(self) -> None:
        assert evaluate_setting("[3, 4, 23, 3]") == [3, 4, 23, 3]
        assert evaluate_setting("-1.5") == -1.5
        assert evaluate_setting("true") is True
        assert evaluate_setting("nearest") == "nearest"
        assert evaluate_setting('"a b"') == "a b"
        with pytest.raises(NetgenError):
            evaluate_setting("1 +")


class TestStatements:
    def test_default_holds_to_the_end_of_the_braces_blocks_included(self) -> None:
        body = (
            "    if true {\n        default conv(bias = false)\n        a = unit(data, 4)\n    }\n"
            "    b = conv(data, 4, 1)\n    c = conv(data, 4, 1, bias = true)"
        )
        graph = graph_of(net(body, CONV_BN))
        assert {n.name: n.a.bias for n in graph.nodes if n.op.name == "conv"} == {"a": False, "b": True, "c": True}

    def test_a_later_default_wins_and_a_written_argument_wins_over_all(self) -> None:
        body = (
            "    default conv(bias = false, stride = 2)\n    default conv(bias = true)\n"
            "    y = conv(data, 4, 1, stride = 1)"
        )
        a = graph_of(net(body)).nodes[-1].a
        assert (a.bias, a.stride) == (True, (1, 1))

    def test_require_is_reported_at_the_caller_in_its_own_words(self) -> None:
        block = 'block b(x, n: int) {\n    require n % 2 == 0, "n is {n} and must be even"\n    return relu(x)\n}'
        (problem,) = problems(net("    y = b(data, 3)", block))
        assert (problem.code, problem.title) == ("NG222", "n is 3 and must be even")
        assert problem.span is not None
        assert problem.span.text == "b(data, 3)"

    def test_nothing_that_relies_on_a_failed_require_is_reported(self) -> None:
        block = "block b(x, n: int) {\n    require n > 0\n    return conv(x, n, 1)\n}"
        assert codes(net("    y = b(data, 0)\n    z = relu(y)", block)) == ["NG222"]

    def test_lists_of_tensors_spread(self) -> None:
        body = "    xs = []\n    for i in 1..3 { xs = xs + [conv(data, i, 1)] }\n    y = concat(xs)"
        assert graph_of(net(body)).nodes[-1].y == [(1, 6, 16, 16)]

    def test_return_leaves_a_loop(self) -> None:
        block = "block b(x) {\n    for i in 1..9 {\n        x = relu(x)\n        if i == 2 { return x }\n    }\n}"
        assert len(names(net("    y = b(data)", block))) == 2

    def test_parameters_may_look_at_earlier_ones(self) -> None:
        block = "block b(x, out: int = 2 * x.channels) {\n    return conv(x, out, 1)\n}"
        assert shape("b(data)", block) == (1, 16, 16, 16)


class TestErrors:
    def test_all_independent_errors_are_reported_and_no_others(self) -> None:
        body = (
            "    a = conv(data, 4, 30)\n    b = relu(a)\n    c = conv(b, 4.5, 1)\n    d = add(c, data)\n"
            "    e = conv(data, 0, 1)"
        )
        assert codes(net(body)) == ["NG305", "NG207", "NG208"]

    def test_one_place_is_reported_once(self) -> None:
        block = "block b(x) {\n    return conv(x, 6, 1, groups = 5)\n}"
        assert codes(net("    y = b(data)\n    z = b(data)", block)) == ["NG302"]

    def test_the_chain_of_block_calls(self) -> None:
        blocks = "block a(x) {\n    return conv(x, 4, 99)\n}\nblock b(x) {\n    return a(x)\n}"
        (problem,) = problems(net("    y = b(data)", blocks))
        assert [frame.block for frame in problem.trace] == ["a", "b"]
        assert str(problem.trace[1].span) == "test.net:9:9"

    def test_wrong_types_are_errors_at_the_argument(self) -> None:
        (problem,) = problems(net("    y = unit(data, 4 / 2)", CONV_BN))
        assert problem.code == "NG207"
        assert problem.span is not None
        assert problem.span.text == "4 / 2"
        assert "//" in problem.hint

    @pytest.mark.parametrize(
        "body, code",
        [
            ("    y = cnov(data, 4, 1)", "NG202"),
            ("    y = conv(dta, 4, 1)", "NG201"),
            ("    y = conv(data, 4)", "NG203"),
            ("    y = conv(data, 4, 1, padd = 1)", "NG204"),
            ('    y = conv(data, 4, 1, 1, 1, 1, 1, true, xavier, xavier, 1, 1, "s", 3)', "NG205"),
            ("    y = conv(data, 4, 1, out = 3)", "NG206"),
            ("    y = conv(data, 4, true)", "NG207"),
            ("    y = conv(data, 0, 1)", "NG208"),
            ("    y = add(data)", "NG209"),
            ("    y = conv(4, 1)", "NG209"),
            ("    y = unit(data)", "NG203"),
            ("    y = unit(data, 1, 2)", "NG205"),
            ("    y = unit(data, 1, out = 2)", "NG206"),
            ("    a, b = slice(data, [1, 2])", "NG223"),
            ("    for i in 3 { relu(data) }", "NG225"),
            ("    if data { relu(data) }", "NG228"),
            ("    name = relu(data)", "NG227"),
            ('    data as "x"', "NG230"),
            ("    y = conv(data, 4, 1, weight_filler = gaussian(sdt = 1))", "NG204"),
        ],
    )
    def test_codes(self, body: str, code: str) -> None:
        assert codes(net(body, CONV_BN)) == [code]

    def test_settings(self) -> None:
        text = net("    y = conv(data, k, 1)")
        assert codes(text, kk=1) == ["NG219"]
        assert codes(text, k="x") == ["NG220"]
        assert codes(text, k=2.0) == ["NG220"]
        assert codes(text, k=object()) == ["NG220"]

    def test_nets(self) -> None:
        two = net("    y = relu(data)") + net("    y = relu(data)").replace("net N", "net M")
        assert nets(Source("t", two)) == ["N", "M"]
        assert codes(two) == ["NG218"]
        assert compile_source(Source("t", two), net="M")[0].name == "M"
        assert codes("block b(x) {\n    return x\n}") == ["NG218"]
        assert codes("net N() {\n    require true\n}") == ["NG221"]
        assert codes("net N(x) {\n    y = relu(x)\n}") == ["NG221"]

    def test_recursion(self) -> None:
        assert codes(net("    y = a(data)", "block a(x) {\n    return b(x)\n}\nblock b(x) {\n    return a(x)\n}")) == [
            "NG216"
        ]

    def test_missing_return(self) -> None:
        assert codes(net("    y = b(data)", "block b(x) {\n    y = relu(x)\n    z = relu(y)\n}")) == ["NG226"]

    def test_warnings(self) -> None:
        text = net(
            "    unused = 3\n    y = b(data, 1)", "block b(x, n: int) {\n    dead = relu(x)\n    return relu(x)\n}"
        )
        found = check_source(Source("t", text))
        assert {(each.code, each.severity) for each in found} == {("NG211", "warning")}
        assert sorted(each.title for each in found) == [
            "parameter `k` is never used",
            "parameter `n` is never used",
            "value `dead` is never used",
            "value `unused` is never used",
        ]


class TestResults:
    """Operators with no result, with several, and with nothing to begin with."""

    def test_a_statement_may_be_all_there_is_to_it(self) -> None:
        graph = graph_of(net("    data -> relu -> silence\n    return sigmoid(data)"))
        assert [len(node.outputs) for node in graph.nodes] == [1, 1, 0, 1]
        assert [value.node.op.name for value in graph.outputs] == ["sigmoid"]

    def test_nothing_is_no_tensor(self) -> None:
        assert codes(net("    y = silence(data)\n    return relu(y)")) == ["NG209"]

    def test_several_results_are_unpacked(self) -> None:
        graph = graph_of(net("    y, mask = max_pool(data, 2, mask = true)\n    return mask, y"))
        assert [value.index for value in graph.outputs] == [1, 0]
        assert codes(net("    y, mask = max_pool(data, 2)")) == ["NG223"]

    def test_a_net_may_make_its_data_up(self) -> None:
        graph = graph_of("net N() {\n    x = dummy_data([1, 3, 8, 8])\n    return relu(x)\n}")
        assert (graph.inputs, graph.outputs[0].shape) == ([], (1, 3, 8, 8))
        assert codes("net N() {\n    return 3\n}") == ["NG221"]


class TestLimits:
    """No program hangs the compiler."""

    def test_layers(self) -> None:
        text = net("    x = data\n    for i in 1..1000000000 { x = relu(x) }")
        with pytest.raises(NetgenError) as caught:
            compile_source(Source("t", text), max_layers=1000)
        assert [each.code for each in caught.value.diagnostics] == ["NG217"]

    def test_empty_loops(self) -> None:
        loop = "for a in 1..1000000 { for b in 1..1000000 { } }"
        with pytest.raises(NetgenError) as caught:
            compile_source(Source("t", net("    " + loop)), max_layers=1000)
        assert [each.code for each in caught.value.diagnostics] == ["NG217"]

    def test_blocks_that_call_twice_what_calls_twice(self) -> None:
        blocks = "block b0(x) {\n    return x\n}\n" + "".join(
            f"block b{i}(x) {{\n    return b{i - 1}(b{i - 1}(x))\n}}\n" for i in range(1, 41)
        )
        with pytest.raises(NetgenError) as caught:
            compile_source(Source("t", net("    y = b40(data)", blocks)), max_layers=1000)
        assert [each.code for each in caught.value.diagnostics] == ["NG217"]

    def test_deep_calls(self) -> None:
        blocks = "block b0(x) {\n    return x\n}\n" + "".join(
            f"block b{i}(x) {{\n    return b{i - 1}(x)\n}}\n" for i in range(1, 400)
        )
        assert codes(net("    y = b399(data)", blocks)) == ["NG217"]

    def test_huge_tensors(self) -> None:
        assert codes("net N() {\n    x = input(100000, 100000, 100, 100)\n    y = relu(x)\n}") == ["NG309"]
