"""What is written after --args, and the sentence for what does not fit the kernel's parameter."""

import numpy as np
import pytest

from scratchlm.cli.kernel.values import read_values
from scratchlm.errors import OptionError
from scratchlm.kernels.emulator import Emulator, KernelError

TYPES = "const float *x, int *y, int n, float f, bool b, unsigned char c, double *const *t, pair s, pair *p"
CODE = f"struct pair {{ int a, b; }};\n__global__ void f({TYPES}) {{ y[0] = n; }}\n__global__ void g() {{ }}"
LENGTHS = "write its lengths as whole numbers with commas between, such as float32"
RANGE = "a whole number from -2,147,483,648 to 2,147,483,647 (int32)."
MANY = f"float32[{'1,' * 32}1]"
RIGHT = ["float32[4]", "int32[2,3]=-7", "-1", "1e-3", "true", "255", "0", "0", "int64[8]"]


@pytest.fixture(scope="module")
def module():
    return Emulator(CODE)


def said(function, texts):
    with pytest.raises(OptionError) as caught:
        read_values(function, tuple(texts))
    return str(caught.value)


@pytest.mark.parametrize(
    ("number", "text", "says"),
    [
        (1, "2", "x, is '2': give an array, float32[64] (random) or float32[64]=0."),
        (1, "float64[3]", "x, is 'float64[3]': give an array of float32, float32[3]."),
        (1, "floot[3]", "x, is 'floot[3]': give an array of float32; floot is not a type."),
        (1, "str[3]", "x, is 'str[3]': give an array of float32, float32[3]."),
        (1, "float32[33*20]", f"x, is 'float32[33*20]': {LENGTHS}[33,20]."),
        (1, "float32[3.5]", f"x, is 'float32[3.5]': {LENGTHS}[64]."),
        (1, "float32[n]", f"x, is 'float32[n]': {LENGTHS}[64]."),
        (1, "float32[4]=x", "x, is 'float32[4]=x': fill it with a number (float32)."),
        (1, MANY, f"x, is '{MANY}': write at most 32 lengths."),
        (2, "int32[4]=1.9", "y, is 'int32[4]=1.9': fill it with a whole number (int32)."),
        (2, "int32[4]=3000000000", f"y, is 'int32[4]=3000000000': fill it with {RANGE}"),
        (3, "1.5", "n, is '1.5': give a whole number (int32)."),
        (3, "true", "n, is 'true': give a whole number (int32)."),
        (3, "int32[1]", "n, is 'int32[1]': give a number (int32), not an array."),
        (3, "5000000000", f"n, is '5000000000': give {RANGE}"),
        (4, "one", "f, is 'one': give a number (float32)."),
        (5, "2", "b, is '2': give 0 or 1 (bool)."),
        (6, "256", "c, is '256': give a whole number from 0 to 255 (uint8)."),
        (7, "0", "t, is a table of addresses, which cannot be written here: call the kernel from Python "
                 "(scratchlm.kernels.emulator.Pointers)."),
    ],
)  # fmt: skip
def test_what_does_not_fit(module, number, text, says):
    texts = [*RIGHT[: number - 1], text, *RIGHT[number:]]
    assert said(module.get_function("f"), texts) == f"f: argument {number}, {says}"


def test_a_structure_cannot_be_written():
    function = Emulator("struct pair { int a, b; };\n__global__ void f(pair s) { }").get_function("f")
    assert (
        said(function, ["1"]) == "f: argument 1, s, is a structure: let the kernel take its parts one by one."
    )


def test_how_many(module):
    names = "x, y, n, f, b, c, t, s, p"
    such = "'float32[64]' 'int32[64]' 1 1 1 1 'float64[64]' 1 'float32[64]'"
    few = said(module.get_function("f"), RIGHT[:2])
    assert few == f"f takes 9 arguments ({names}), not 2: write, say, --args {such}."
    assert said(module.get_function("g"), ["1"]) == "g takes 0 arguments, not 1: remove --args."
    assert said(module.get_function("f"), ["--gird", "2"]).startswith("'--gird' is not an option: ")


def test_arrays_of_many_bytes_are_refused(module):
    assert "the emulator would take hours" in said(
        module.get_function("f"), ["float32[0,9999999999999999999]", *RIGHT[1:]]
    )
    assert "float32[9000000000] has 34,332 MB" in said(
        module.get_function("f"), ["float32[9000000000]", *RIGHT[1:]]
    )


def test_what_fits():
    types = "float *x, int *y, int n, float f, bool b, unsigned char c, pair *p, int *z"
    code = f"struct pair {{ int a, b; }};\n__global__ void f({types}) {{ y[0] = n; }}"
    texts = ("float32[400]", "int32[2,3]=-7", "-1", "1e-3", "true", "255", "int64[8]", "int32[1000]")
    x, y, n, f, b, c, p, z = read_values(Emulator(code).get_function("f"), texts)
    assert (x.dtype, x.shape, p.dtype) == (np.float32, (400,), np.int64)
    assert abs(x.std() - 1) < 0.15
    assert y.tolist() == [[-7] * 3] * 2
    assert [type(each) for each in (n, f, b, c)] == [np.int32, np.float32, np.bool_, np.uint8]
    assert (n, f, b, c) == (-1, np.float32(1e-3), True, 255)
    assert (z.min(), z.max()) == (0, 99)


@pytest.mark.parametrize("text", ["float32[32]=1e60", "float32[4]=-1e60"])
def test_numbers_that_a_type_cannot_hold(text):
    f = Emulator("__global__ void f(float* x, float a) { x[0] = a; }").get_function("f")
    says = "give a number between -3.4e+38 and 3.4e+38 (float32)"
    assert said(f, [text, "1"]) == f"f: argument 1, x, is '{text}': {says.replace('give', 'fill it with')}."
    assert said(f, ["float32[4]", "1e60"]) == f"f: argument 2, a, is '1e60': {says}."
    assert [str(value) for value in read_values(f, ("float32[1]=inf", "-inf"))] == ["[inf]", "-inf"]


@pytest.mark.parametrize("kind", ["float**", "const float**", "float* const*", "pair**", "float***"])
def test_a_pointer_to_pointers_takes_no_array(kind):
    f = Emulator(f"struct pair {{ int a, b; }};\n__global__ void f({kind} x) {{ }}").get_function("f")
    assert said(f, ["float32[4]"]).startswith("f: argument 1, x, is a table of addresses, which cannot be")
    with pytest.raises(KernelError, match="x, is an array of float32: pass Pointers of arrays of"):
        f(1, 1, (np.zeros(4, np.float32),))
