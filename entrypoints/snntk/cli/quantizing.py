"""What ``snntk quantize`` makes of a network: by its options, by a recipe, or by what --dump has written."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from snntk.calibrating import calibrated, kind_of
from snntk.cli.offers import quantizes
from snntk.cli.options import configured, parser_of, recipe_of, settings, source_of
from snntk.cli.render import progress
from snntk.conversion import as_graph
from snntk.format_files import applied, read_table
from snntk.given import as_recipe
from snntk.quantizer_choice import CALIBRATED, PRESETS, UNCALIBRATED, WEIGHTS
from snntk.quantizing import REWRITES, prepared, quantize
from snntk.recipe_quantizing import KEPT, Quantized, by_recipe, has_quantizers
from snntk_core.component import Component
from snntk_core.errors import OptionError
from snntk_core.graph import Graph
from snntk_core.ops import ActivationOp, Array, FakeQuantize, QuantizedRelu, Relu
from snntk_core.registry import Registry
from snntk_core.transform import Stage

OPTIONS = (
    "weight_bits", "activation_bits", "input_weight_bits", "weights", "activations", "until", "calibrate",
    "no_fold_batchnorm", "no_normalize_separable",
)  # fmt: skip
"""What says how to quantize, where neither a recipe nor a table does."""


def quantized(args: argparse.Namespace, samples: Array | None, registry: Registry) -> Quantized:
    """Return the network that is asked for.  Raises `OptionError` for options that do not go together."""
    recipe = as_recipe(args.recipe, registry) if args.recipe else None
    if recipe is not None and (has_quantizers(recipe) or recipe.transforms or recipe.problems):
        _refuse("The recipe says what is done", args, (*OPTIONS, "load"))
        if args.dump:
            raise OptionError([f"--dump goes without --recipe. {KEPT}"])
        chosen = recipe_of(args, registry)
        parser = None if chosen.problems else parser_of(args, registry)
        with progress() as bar:
            return by_recipe(source_of(args), chosen, samples, parser, registry, bar)
    reading, others = _apart(args.settings, registry)
    if args.load:
        _refuse("--load says what every layer gets", args, OPTIONS, others)
    given = argparse.Namespace(**{**vars(args), "settings": reading})
    graph = as_graph(source_of(args), parser_of(given, registry), registry)
    if args.load:
        return applied(graph, read_table(args.load), registry)
    return _by_options(graph, samples, args, others, registry)


def _apart(texts: Sequence[str], registry: Registry) -> tuple[list[str], list[str]]:
    """Return the settings of parsers, and those of what quantizes."""
    names = [path.rpartition(".")[0] for path, _ in settings(texts)]
    reads = [name in registry.parsers for name in names]
    pairs = list(zip(texts, reads, strict=True))
    return [text for text, read in pairs if read], [text for text, read in pairs if not read]


def _refuse(why: str, args: argparse.Namespace, names: Sequence[str], others: Sequence[str] = ()) -> None:
    given = [f"--{name.replace('_', '-')}" for name in names if getattr(args, name) not in (None, [], False)]
    given += [f"--set {text}" for text in others]
    if given:
        raise OptionError([f"{why}, so it goes without {', '.join(given)}."])


def _by_options(
    graph: Graph, samples: Array | None, args: argparse.Namespace, texts: Sequence[str], registry: Registry
) -> Quantized:
    asked = (not args.no_fold_batchnorm, not args.no_normalize_separable)
    before = prepared(graph, [name for name, yes in zip(REWRITES, asked, strict=True) if yes], registry)
    usual = UNCALIBRATED if samples is None else CALIBRATED
    kinds = [registry.quantizers[args.weights or WEIGHTS], registry.quantizers[args.activations or usual]]
    unasked = [] if args.weights else [f"{WEIGHTS}.{name}={value}" for name, value in PRESETS[WEIGHTS].items()]
    methods = [kind_of(name, registry) for name in args.calibrate]
    _refuse_unused(args, kinds, methods, texts, registry)
    weights, activations, *fitting = configured([*kinds, *methods], [*unasked, *texts], registry.parsers)
    after = quantize(
        before,
        weight_bits=8 if args.weight_bits is None else args.weight_bits,
        activation_bits=8 if args.activation_bits is None else args.activation_bits,
        input_weight_bits=args.input_weight_bits,
        calibration=samples,
        quantize_until=args.until,
        fold_batchnorm=False,
        normalize_separable=False,
        weights=weights,
        activations=activations,
        registry=registry,
    )
    with progress() as bar:
        after, noted = calibrated(after, before, fitting, samples, registry, bar)
    float_still = _float_still(after) if args.until is None and args.activation_bits != 0 else ()
    return Quantized(before, after, (*noted, *_guessed(before, after, samples, activations), *float_still))


def _guessed(before: Graph, after: Graph, samples: Array | None, quantizer: Component) -> Iterator[str]:
    """Yield a note naming the activations whose range nobody has said or measured."""
    said = asdict(quantizer).get("maximum") is not None
    if samples is not None or said or quantizer.name != UNCALIBRATED:
        return
    names = [n.name for n in after if isinstance(n.op, QuantizedRelu) and isinstance(before[n.name].op, Relu)]
    if names:
        taken = f"{', '.join(names)}: taken to end at {asdict(quantizer)['unbounded']:g}."
        yield f"Without --calibration nobody knows how far activations reach; {taken}"


def _float_still(graph: Graph) -> Iterator[str]:
    """Yield a note naming the activations that the quantizer is not for; those at the end are the network's answer."""
    rounded = {name for node in graph if isinstance(node.op, FakeQuantize) for name in node.inputs} | {*graph.outputs}
    names = [
        f"{node.name} ({type(node.op).__name__})"
        for node in graph
        if isinstance(node.op, ActivationOp) and "output" not in node.formats and node.name not in rounded
    ]
    if names:
        yield f"These activations stay float: {', '.join(names)}. fixed-point-activations rounds any."


def _refuse_unused(
    args: argparse.Namespace,
    kinds: Sequence[type[Component]],
    methods: Sequence[type[Component]],
    texts: Sequence[str],
    registry: Registry,
) -> None:
    """Raise `OptionError` naming the bits and settings that would make no difference."""
    problems = []
    for flag, bits, kind in zip(("--weight-bits", "--activation-bits"), _asked(args), kinds, strict=True):
        if bits and "bits" not in {option.name for option in kind.options()}:
            problems.append(f"{kind.name} has its own number of bits; leave out {flag}.")
    known = {kind.name for kind in (*kinds, *methods)}
    for name in dict.fromkeys(path.rpartition(".")[0] for path, _ in settings(texts)):
        if name in registry.quantizers and name not in known:
            problems.append(f"{name} is not in use; choose it by --{quantizes(registry.quantizers[name])} {name}.")
        elif name in registry.transforms and registry.transforms[name].stage is Stage.QUANTIZE and name not in known:
            problems.append(f"{name} is not in use; choose it by --calibrate {name}.")
    if problems:
        raise OptionError(problems)


def _asked(args: argparse.Namespace) -> tuple[int | None, int | None]:
    return args.weight_bits, args.activation_bits
