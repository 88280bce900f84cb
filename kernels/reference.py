"""Every kernel in NumPy, written as its formula is: to read, to step through, and to hold the others to.

The engine collects its kernels from the families itself (contract.py); this list of families is for lessons,
and for editors and type checkers, which get from `self.kernels.softmax_forward` to the code through it.
"""

from .activation.reference import *
from .additive_attention.reference import *
from .attention.reference import *
from .cross_entropy.reference import *
from .dropout.reference import *
from .embedding.reference import *
from .gru.reference import *
from .lstm.reference import *
from .matmul.reference import *
from .norm.reference import *
from .optimizer.reference import *
from .softmax.reference import *
from .token.reference import *
