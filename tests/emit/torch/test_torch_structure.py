"""What becomes of blocks, conditions and loops: the classes that are emitted, as a reader sees them."""

from __future__ import annotations

from re import findall

from torch_nets import arguments_of, calls_in, compiled, net, source_of

from netgen.emit.torch import emit

CONV = """
block unit(x, out: int, kernel: int = 1, stride: int = 1) {
    return x -> conv(out, kernel, stride = stride, pad = "same", bias = false) -> batch_norm -> relu
}
"""


# --- constructor arguments --------------------------------------------------------------------------


def test_constants_that_agree_are_literals() -> None:
    graph = net("x = unit(x, 8)\nx = unit(x, 8, stride = 2)", CONV)
    assert arguments_of(graph, "Unit") == "in_channels: int, stride: int = 1"
    assert "nn.Conv2d(in_channels, 8, 1, stride=stride, bias=False)" in source_of(graph, "Unit")


def test_arguments_keep_the_order_and_the_defaults_of_the_block() -> None:
    graph = net("x = unit(x, 8, 3)\nx = unit(x, 16, 1, stride = 2)\nx = unit(x, 8)", CONV)
    assert arguments_of(graph, "Unit") == "in_channels: int, out: int, kernel: int = 1, stride: int = 1"
    assert "self.unit1 = Unit(3, 8, kernel=3)" in source_of(graph, "Net")
    assert "self.unit3 = Unit(16, 8)" in source_of(graph, "Net")


def test_the_only_instance_has_no_arguments() -> None:
    assert "def __init__(self) -> None:" in source_of(net("x = unit(x, 8, 3)", CONV), "Unit")


def test_what_no_setting_explains_becomes_an_argument() -> None:
    block = "block odd(x, k: int) { return conv(x, [5, 9, 3, 14][k], 1) }"
    graph = net("x = odd(x, 0)\nx = odd(x, 1)\nx = odd(x, 2)\nx = odd(x, 3)", block)
    assert arguments_of(graph, "Odd") == "in_channels: int, out_channels: int"


def test_an_argument_that_some_instances_lack_has_a_default() -> None:
    block = """
    block maybe(x, wide: bool, k: int = 0) {
        if wide { x = unit(x, [7, 4, 9][k]) }
        return conv(x, 8, 1)
    }
    """
    body = "x = maybe(x, true)\nx = maybe(x, true, k = 1)\nx = maybe(x, true, k = 2)\nx = maybe(x, false)"
    graph = net(body, CONV + block)
    assert arguments_of(graph, "Maybe").endswith("unit_out: int = 0")
    assert "Unit(in_channels, unit_out) if wide else nn.Identity()" in source_of(graph, "Maybe")


def test_lists_are_tuples_whose_elements_may_be_used() -> None:
    block = 'block rect(x, kernel: [int]) { return conv(x, 8, kernel, pad = "same") }'
    graph = net("x = rect(x, [1, 3])\nx = rect(x, [3, 1])\nx = rect(x, [3, 5])", block)
    assert "kernel: tuple[int, int]" in arguments_of(graph, "Rect")
    assert "padding=(kernel[0] // 2, kernel[1] // 2)" in source_of(graph, "Rect")


def test_functions_keep_what_differs_in_attributes() -> None:
    block = "block cut(x, at: int) { a, b = slice(x, [at])  return concat(b, a) }"
    graph = net("x = conv(x, 8, 1)\nx = cut(x, 3)\nx = cut(x, 5)", block)
    assert "self.cuts = (at,)" in source_of(graph, "Cut")
    assert "torch.tensor_split(x, self.cuts, dim=1)" in source_of(graph, "Cut")


def test_activations_with_other_constants_are_modules() -> None:
    block = "block leaky(x, slope: float) { return relu(x, slope) }"
    graph = net("x = leaky(x, 0.1)\nx = leaky(x, 0.2)", block)
    assert "self.relu = nn.LeakyReLU(slope)" in source_of(graph, "Leaky")
    assert arguments_of(graph, "Leaky") == "slope: float"


# --- what only some instances have ------------------------------------------------------------------

RESIDUAL = (
    CONV
    + """
block residual(x, width: int, stride: int = 1) {
    shortcut = x
    if stride != 1 or x.channels != width { shortcut = x -> conv(width, 1, stride = stride) -> batch_norm }
    y = unit(x, width, 3, stride = stride)
    return add(shortcut, y) -> relu
}
"""
)


def test_a_missing_chain_is_an_identity() -> None:
    graph = net("x = residual(x, 8)\nx = residual(x, 8)\nx = residual(x, 8, stride = 2)\nx = residual(x, 16)", RESIDUAL)
    text = " ".join(source_of(graph, "Residual").split())
    assert "if stride != 1 or in_channels != width else nn.Identity()" in text
    assert "nn.Sequential( nn.Conv2d(in_channels, width, 1, stride=stride), nn.BatchNorm2d(width" in text
    assert "shortcut = self.shortcut(x)" in calls_in(graph, "Residual")


def test_one_of_two_modules_is_chosen() -> None:
    block = 'block act(x, kind: string) { if kind == "relu" { x = relu(x) } else { x = elu(x) }  return conv(x, 3, 1) }'
    graph = net('x = act(x, "relu")\nx = act(x, "elu")\nx = act(x, "relu")', block)
    assert 'self.activation = nn.ReLU() if kind == "relu" else nn.ELU()' in source_of(graph, "Act")


def test_one_of_three_modules_is_chosen() -> None:
    block = """
    block act(x, kind: string) {
        x = conv(x, 3, 1)
        if kind == "relu" { x = relu(x) } else if kind == "elu" { x = elu(x) } else { x = sigmoid(x) }
        return x
    }
    """
    graph = net('x = act(x, "relu")\nx = act(x, "elu")\nx = act(x, "no")', block)
    text = " ".join(source_of(graph, "Act").split())
    assert (
        'nn.ReLU(inplace=True) if kind == "relu" else nn.ELU(inplace=True) if kind == "elu" else nn.Sigmoid()' in text
    )


def test_what_has_two_inputs_is_computed_under_a_condition() -> None:
    block = CONV + "block res(x, out: int) { y = unit(x, out, 3)  if x.channels == out { y = add(x, y) }  return y }"
    graph = net("x = res(x, 8)\nx = res(x, 8)\nx = res(x, 4)", block)
    assert "self.with_add = in_channels == out" in source_of(graph, "Res")
    assert calls_in(graph, "Res").split("\n") == [
        "y: Tensor = self.unit(x)",
        "if self.with_add:",
        "    y = x + y",
        "return y",
    ]


def test_two_ways_to_compute_are_an_if_with_an_else() -> None:
    block = """
    block split(x, halves: bool) {
        x = conv(x, 8, 1)
        if halves { a, b = slice(x, [4]) } else { a = conv(x, 4, 1)  b = conv(x, 4, 3, pad = 1) }
        return concat(b, a)
    }
    """
    graph = net("x = split(x, true)\nx = split(x, false)", block)
    text = source_of(graph, "Split")
    assert "self.halves = halves" in text
    assert "if not halves" in text or "else:" in text
    assert "a, b = torch.tensor_split(x, (4,), dim=1)" in text


def test_what_has_nothing_in_common_becomes_two_classes() -> None:
    block = """
    block either(x, deep: bool) {
        if deep { a = sigmoid(x)  b = tanh(x)  return add(a, b) }
        return concat(x, exp(x))
    }
    """
    text = emit(net("x = either(x, false)\nx = either(x, true)", block)).source
    assert "class Either(nn.Module):" in text
    assert "class EitherDeep(nn.Module):" in text


def test_classes_of_one_block_are_told_apart_by_what_they_are_for() -> None:
    block = """
    block tail(x, layers: int) {
        for i, w in enumerate([4, 9, 2, 7]) { if i < layers { x = conv(x, w, 1) } }
        return x
    }
    """
    text = emit(net("x = tail(x, 2)\nx = tail(x, 3)\nx = tail(x, 4)", block)).source
    assert findall(r"class (Tail\w*)", text) == ["Tail", "TailLayers3", "TailLayers4"]


# --- loops ------------------------------------------------------------------------------------------

DENSE = """
block grow(x, width: int) { y = conv(x, 4, width, pad = "same")  return concat(x, y) }
block dense(x, layers: int, width: int) { for i in 1..layers { x = grow(x, width) }  return x }
"""


def test_a_block_that_is_a_loop_is_a_sequential() -> None:
    graph = net("x = dense(x, 2, 1)\nx = dense(x, 5, 3)\nx = dense(x, 3, 5)", DENSE)
    assert "class Dense(nn.Sequential):" in emit(graph).source
    assert arguments_of(graph, "Dense") == "in_channels: int, layers: int, width: int"
    assert "*(Grow(in_channels + 4 * i, width) for i in range(layers))" in source_of(graph, "Dense")


def test_a_loop_with_something_after_it_has_a_name() -> None:
    block = DENSE + "block stage(x, layers: int) { for i in 1..layers { x = grow(x, 3) }  return max_pool(x, 2) }"
    graph = net("x = stage(x, 2)\nx = stage(x, 3)", block, size=16)
    assert "self.grows = nn.Sequential(" in source_of(graph, "Stage")
    assert "x = self.grows(x)\nreturn F.max_pool2d(x, 2, ceil_mode=True)" in calls_in(graph, "Stage")


def test_a_first_turn_that_differs_stands_alone() -> None:
    turn = "x = unit(x, w, stride = if i == 0 then 2 else 1)"
    block = CONV + f"block run(x, n: int, w: int) {{ for i in range(n) {{ {turn} }} return x }}"
    graph = net("x = run(x, 3, 8)\nx = run(x, 4, 16)", block, size=32)
    text = " ".join(source_of(graph, "Run").split())
    assert "Unit(in_channels, w, stride=2), *(Unit(w, w) for _ in range(1, n))" in text


def test_turns_of_several_layers_are_sequentials_of_their_own() -> None:
    block = "block run(x, n: int) { for i in range(n) { x = x -> conv(8, 3, pad = 1) -> relu } return x }"
    graph = net("x = conv(x, 8, 1)\nx = run(x, 2)\nx = run(x, 3)", block)
    text = " ".join(source_of(graph, "Run").split())
    assert "*( nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(inplace=True)) for _ in range(n) )" in text


def test_turns_of_the_net_are_stages() -> None:
    body = "for stage, n in zip(2..3, [3, 2]) { for i in 1..n { x = unit(x, 8 * stage) }  x = max_pool(x, 2) }"
    graph = net(body, CONV, size=32)
    text = " ".join(source_of(graph, "Net").split())
    assert "self.stage2 = nn.Sequential( Unit(3, 16), *(Unit(16, 16) for _ in range(2)), nn.MaxPool2d(2" in text
    assert "x = self.stage2(x)" in calls_in(graph, "Net")


def test_stages_are_called_as_their_instances_are() -> None:
    body = 'for i in 1..2 { x = unit(x, 8) as "part{i}"\nx = unit(x, 16) as "part{i}" }'
    graph = net(body, 'block unit(x, out: int) { return conv(x, out, 1) as "{name}/{out}" }')
    assert "self.part1 = nn.Sequential(Unit(3, 8), Unit(8, 16))" in source_of(graph, "Net")


def test_equal_turns_of_the_net_are_one_generator() -> None:
    graph = net("x = unit(x, 8)\nfor i in 1..16 { x = unit(x, 8) }", CONV)
    assert "self.units = nn.Sequential(*(Unit(8) for _ in range(16)))" in source_of(graph, "Net")


def test_turns_that_are_no_chain_are_laid_out() -> None:
    graph = net("for i in 1..3 { y = conv(x, 3, 3, pad = 1)\nx = add(x, y) }")
    assert calls_in(graph, "Net").count("x + y") == 3
    assert "self.conv3 = nn.Conv2d(3, 3, 3, padding=1)" in source_of(graph, "Net")


def test_two_turns_prove_no_slope() -> None:
    """Any two numbers lie on a line; that says nothing."""
    block = "block pair(x) { for w in [5, 9] { x = conv(x, w, 1) } return x }"
    graph = net("x = pair(x)\nx = pair(x)", block)
    assert "nn.Conv2d(in_channels, 5, 1), nn.Conv2d(5, 9, 1)" in " ".join(source_of(graph, "Pair").split())


# --- forward ----------------------------------------------------------------------------------------


def test_forward_follows_the_program() -> None:
    block = (
        CONV
        + """
    block stem(x, w: int) {
        s1 = unit(x, w, 3)
        a = unit(s1, w // 2)
        b = unit(a, w, 3)
        pool = max_pool(s1, 3, stride = 1, pad = 1)
        both = concat(b, pool)
        return unit(both, w)
    }
    """
    )
    assert calls_in(net("x = stem(x, 8)", block), "Stem").split("\n") == [
        "s1 = self.s1(x)",
        "b = self.b(self.a(s1))",
        "pool = F.max_pool2d(s1, 3, stride=1, padding=1, ceil_mode=True)",
        "both = torch.cat([b, pool], dim=1)",
        "x = self.unit(both)",
        "return x",
    ]


def test_values_in_chains_take_the_name_of_the_result() -> None:
    block = "block b(x) { d = x -> max_pool(3, stride = 1, pad = 1) -> conv(4, 1) -> relu  return concat(x, d) }"
    assert calls_in(net("x = b(x)", block), "B").split("\n") == [
        "d = F.max_pool2d(x, 3, stride=1, padding=1, ceil_mode=True)",
        "d = F.relu(self.d_conv(d), inplace=True)",
        "return torch.cat([x, d], dim=1)",
    ]


def test_a_name_is_not_given_away_while_its_value_is_wanted() -> None:
    graph = net("a = conv(x, 4, 1)\nb = a\na = conv(a, 4, 1)\nx = add(a, b)\nc = add(x, b)")
    lines = calls_in(graph, "Net").split("\n")
    assert lines == [
        "conv1 = self.conv1(x)",
        "conv2 = self.conv2(conv1)",
        "x = conv2 + conv1",
        "c: Tensor = x + conv1",
        "return c",
    ]


def test_several_inputs_and_results() -> None:
    program = """
    block cross(a, b) { c = add(a, b)  return c, concat(a, b) }
    net Two() {
        left = input(1, 3, 8, 8)
        right = input(1, 3, 8, 8)
        s, both = cross(left, right)
        t = conv(both, 4, 1)
        return s, t
    }
    """
    text = emit(compiled(program)).source
    assert "def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:" in text
    assert "s, both = self.cross(left, right)" in text
    assert "outputs = net(left, right)" in text


def test_results_are_called_as_the_program_calls_them() -> None:
    """Where it calls several the same and wants all of them, as the modules that make them."""
    program = """
    block head(x, out: int) { loc = conv(x, out, 1)  conf = conv(x, 2 * out, 1)  return loc, conf }
    net N() {
        data = input(1, 3, 8, 8)
        x = conv(data, 4, 3) as "low" -> relu
        maps = [x]
        x = conv(x, 8, 3) as "high" -> relu
        locs = []
        for i, y in enumerate(maps + [x], 1) {
            loc, conf = head(y, 2 * i) as "head{i}"
            locs = locs + [loc, conf]
        }
        last, rest = head(x, 4) as "last"
        return locs[0], locs[1], locs[2], locs[3], last, rest
    }
    """
    assert calls_in(compiled(program), "N").split("\n") == [
        "low = F.relu(self.low(data), inplace=True)",
        "high = F.relu(self.high(low), inplace=True)",
        "head1_loc, head1_conf = self.head1(low)",
        "head2_loc, head2_conf = self.head2(high)",
        "last, rest = self.last(high)",
        "return head1_loc, head1_conf, head2_loc, head2_conf, last, rest",
    ]


def test_a_number_of_a_function_is_called_as_its_argument_is() -> None:
    program = """
    block cut(x, like, start: int) { return crop(x, like, offset = start) }
    net N() {
        data = input(1, 3, 20, 20)
        small = conv(data, 3, 7)
        return cut(data, small, 1), cut(data, small, 2)
    }
    """
    assert "self.offset = (start, start)" in emit(compiled(program)).source


def test_what_nothing_depends_on_is_left_out() -> None:
    graph = compiled("net N() { x = input(1, 3, 8, 8)  dead = conv(x, 4, 1)  y = relu(x)  return y }")
    assert "dead" not in emit(graph).source


# --- in place ---------------------------------------------------------------------------------------


def test_only_what_nobody_misses_is_overwritten() -> None:
    body = """
    a = relu(x)
    b = x -> conv(4, 1) -> relu
    c = conv(x, 4, 1)
    d = relu(c)
    e = add(c, d) -> relu
    f = sigmoid(e) -> relu
    g, h = slice(f, [1])
    k = relu(g)
    return a, b, k, h
    """
    text = source_of(net(body), "Net")
    assert "a = F.relu(x)" in text
    assert "b = F.relu(self.b(x), inplace=True)" in text
    assert "d = F.relu(c)" in text
    assert "F.relu(c + d, inplace=True)" in text
    assert "F.relu(torch.sigmoid(e))" in text
    assert "F.relu(g)" in text


def test_what_makes_both_signs_alike_overwrites_nothing() -> None:
    body = "a = x -> conv(4, 1) -> relu(slope = -0.5)\n b = x -> conv(4, 1) -> elu(alpha = -0.5)\n return a, b"
    assert "inplace" not in source_of(net(body), "Net")


def test_a_block_does_not_overwrite_what_it_is_given() -> None:
    block = "block act(x) { return x -> relu -> conv(4, 1) }"
    graph = net("x = conv(x, 4, 1)\nx = act(x)\nx = act(x)", block)
    assert "inplace" not in source_of(graph, "Act")


def test_an_identity_in_some_instances_forbids_to_overwrite_in_all() -> None:
    block = "block b(x, deep: bool) { y = x  if deep { y = conv(x, 3, 1) }  z = relu(y)  return add(x, z) }"
    graph = net("x = b(x, true)\nx = b(x, false)", block)
    assert "inplace" not in source_of(graph, "B")


# --- normalisation and scale ------------------------------------------------------------------------


def test_normalisation_and_scale_are_one_module() -> None:
    graph = net("x = x -> batch_norm(affine = false, eps = 0.001) -> scale(bias = true)")
    assert "nn.BatchNorm2d(3, eps=0.001, momentum=0.001)" in source_of(graph, "Net")
    assert "Scale" not in emit(graph).source


def test_normalisation_and_scale_stay_apart_where_they_must() -> None:
    for body in (
        "a = batch_norm(x, affine = false)\nb = scale(a, bias = true)\nc = add(a, b)",  # two read the value between
        "x = x -> batch_norm(affine = false) -> scale",  # no offset: nn.BatchNorm2d would learn one
        "x = x -> batch_norm(affine = false) -> scale(bias = true, axis = 2)",  # another axis
    ):
        text = source_of(net(body), "Net")
        assert "affine=False" in text
        assert "Scale(" in text
