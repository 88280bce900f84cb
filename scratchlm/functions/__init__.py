"""The differentiable formulas, one family a file, forward and backward side by side.

Names in lower case are for use on tensors (`softmax(x)`); `…_composed` is the same formula out of primitive
operations, from which autograd derives the gradient: the twin that tests hold the other to. A class such as
`Softmax` is the formula itself.
"""

from ..errors import answering as _answering
from .activation import *
from .additive_attention import *
from .attention import *
from .conversions import *
from .distances import *
from .dropout import *
from .einsum import *
from .elementwise import *
from .embedding import *
from .everyday import *
from .gru import *
from .loss import *
from .lstm import *
from .matmul import *
from .norm import *
from .places import *
from .pointwise import *
from .reduction import *
from .rnn import *
from .scatter import *
from .shape import *
from .softmax import *
from .trigonometry import *

HELPERS = {"assign", "axis_of", "changed", "filler", "floating", "operands", "places", "to_device", "truth"}
# Tensor has these as methods: each function whose first argument is x or a.
METHODS = {
    name: function
    for name, function in list(globals().items())
    if getattr(function, "__module__", "").startswith(__name__)
    and getattr(getattr(function, "__code__", None), "co_varnames", ("",))[:1] in (("x",), ("a",))
    and not name.endswith("_composed")
    and name not in HELPERS
}

__getattr__ = _answering("scratchlm.functions", globals())
