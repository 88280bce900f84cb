"""Softmax and its logarithm over the rows of a matrix [softmax, log_softmax]: a block for each row."""

from ..cuda.launching import array_module, launch, threads_for, whole

TREE = 128  # threads of softmax_forward_2, as in softmax.cu


def _rows(kernel, *arrays):
    result = array_module(arrays[0]).empty(arrays[0].shape, arrays[0].dtype)
    N, V = result.shape
    launch("softmax", kernel, N, threads_for(-(-V // 4)), *whole(*arrays), result, V)
    return result


def softmax_forward(x):
    """y_v = e^(x_v − m) / Σ_w e^(x_w − m)    [softmax]."""
    return _rows("softmax_forward", x)


def softmax_backward(y, grad_y):
    """∂L/∂x_v = y_v (∂L/∂y_v − Σ_w y_w ∂L/∂y_w)    [softmax]."""
    return _rows("softmax_backward", y, grad_y)


def log_softmax_forward(x):
    """y_v = x_v − m − ln Σ_w e^(x_w − m)    [log_softmax]."""
    return _rows("log_softmax_forward", x)


def log_softmax_backward(y, grad_y):
    """∂L/∂x_v = ∂L/∂y_v − e^(y_v) Σ_w ∂L/∂y_w    [log_softmax]."""
    return _rows("log_softmax_backward", y, grad_y)


# ---------------------------------------------------------------- earlier versions, slower, to learn from
def softmax_forward_1(x):
    """A thread a row    [softmax]."""
    y = array_module(x).empty(x.shape, x.dtype)
    N, V = x.shape
    threads = threads_for(N)
    launch("softmax", "softmax_forward_1", -(-N // threads), threads, *whole(x), y, N, V)
    return y


def softmax_forward_2(x):
    """A block a row, sums through shared memory    [softmax]."""
    y = array_module(x).empty(x.shape, x.dtype)
    launch("softmax", "softmax_forward_2", len(x), TREE, *whole(x), y, x.shape[1])
    return y


def softmax_forward_3(x):
    """A block a row, sums by shuffles    [softmax]."""
    y = array_module(x).empty(x.shape, x.dtype)
    launch("softmax", "softmax_forward_3", len(x), threads_for(x.shape[1]), *whole(x), y, x.shape[1])
    return y
