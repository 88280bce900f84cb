"""Stop words: words so common that counting them says little about a text."""

from ..errors import RecipeError, did_you_mean, quote

_LISTS = {
    "en": """
        a about after again all also although always am among an and another any are as at away back be
        because been before being between both but by came can could did do does doing done down during each
        either else ever every few for from further get had has have having he her here hers herself him
        himself his how however i if in into is it its itself just like made many may me might more most much
        must my myself neither never no nor not now of off often on once one only or other our ours ourselves
        out over own quite rather same she should since so some still such than that the their theirs them
        themselves then there these they this those though through thus to together too toward under until
        up upon us very was we well were what whatever when where whether which while who whom whose why will
        with within without would yet you your yours yourself yourselves can't couldn't didn't doesn't don't
        hadn't hasn't haven't i'm isn't it's that's there's they're wasn't we're weren't won't wouldn't you're
        """,
    "zh": """
        的 了 着 过 地 得 之 所 们 我 你 您 他 她 它 我们 你们 他们 她们 它们 咱们 自己 大家 别人
        这 那 此 该 这个 那个 这些 那些 这里 那里 这样 那样 这么 那么 哪 哪个 哪些 哪里 谁 什么 怎么
        怎样 为什么 多少 几 和 与 及 跟 同 或 或者 以及 并 并且 而 而且 但 但是 可是 不过 然而 虽然
        尽管 因为 由于 所以 因此 于是 如果 要是 假如 只要 只有 除非 无论 不管 即使 既然 在 从 自
        自从 到 向 往 对 对于 关于 由 被 把 将 让 给 为 为了 以 用 比 于 按 按照 根据 通过 是 有
        没 没有 不 不是 也 也是 都 还 还是 又 再 就 就是 才 只 只是 很 太 更 最 非常 十分 已 已经
        曾 曾经 正在 可以 可能 能 能够 会 要 应 应该 必须 上 下 中 里 内 外 前 后 时 时候 之后 之前
        一 一个 一些 一样 每 各 某 其 其他 其中 等 等等 吗 呢 吧 啊 呀 嘛 哦
        """,
}


def stop_words(language: str) -> frozenset[str]:
    """The stop words of "en" or "zh".

    Raises:
        RecipeError: there are none for the language.
    """
    if language not in _LISTS:
        near = did_you_mean(language, _LISTS)
        raise RecipeError(
            f"There are no stop words for {quote(language)}{near}: choose one of {', '.join(_LISTS)}."
        )
    return frozenset(_LISTS[language].split())
