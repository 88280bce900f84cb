"""The differentiable formulas, one family a file, forward and backward side by side.

Names in lower case are for use on tensors (`softmax(x)`); `…_composed` is the same formula out of primitive
operations, from which autograd derives the gradient: the twin that tests hold the other to. A class such as
`Softmax` is the formula itself.
"""

from .activation import *
from .additive_attention import *
from .attention import *
from .dropout import *
from .elementwise import *
from .embedding import *
from .gru import *
from .loss import *
from .lstm import *
from .matmul import *
from .norm import *
from .reduction import *
from .shape import *
from .softmax import *
