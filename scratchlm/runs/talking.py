"""A talk with a trained run: what was said before goes in with every turn."""

from ..errors import CheckpointError
from .predicting import predict
from .run import Run

LINE = 200  # tokens that a language model may write in one turn


class Talk:
    """One conversation.

    A run of the task "dialogue" reads the history as the task writes it; another model with answers reads
    each turn alone; a language model continues the turn to the end of its line.

    Raises:
        CheckpointError: the run is of another kind, which has nothing to say.
    """

    def __init__(self, run: Run):
        if run.recipe.model.about.predicts not in ("text", "answer"):
            raise CheckpointError(
                f"{run.folder} is a model of kind {run.recipe.model.kind}, which has nothing to say in a "
                f"talk: ask it with scratchlm predict {run.folder} 'a text'."
            )
        self.run, self.history = run, ""

    def answer(self, said: str) -> str:
        """The model's answer to one turn.

        Raises:
            TokenError: the turn has what the model does not know; the history stays as it was.
        """
        if self.run.recipe.model.about.is_language_model:
            return "".join(self.run.stream(said, LINE, temperature=0.7, stop=["\n"]))
        if self.run.recipe.data.task != "dialogue":
            return predict(self.run, said)[0].text
        asked = f"{self.history}Customer: {said}\nAgent:"
        found = predict(self.run, asked)[0].text
        self.history = f"{asked} {found}\n"
        return found
