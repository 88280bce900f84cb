"""A customer and the service of a shop: dialogues from our own templates, filled with the world's names."""

import random
from collections.abc import Iterator
from datetime import date, time, timedelta

from .cldr import babel_in_words, cities, names
from .examples import Example, TaskData, split_examples
from .packages import require

DIALOGUES = 8_000
TASK = "task dialogue"

Turn = tuple[tuple[str, ...], str]  # what the customer may say, and the one right answer

# Intent → ways through it, each one or two turns. A slot of an answer stands in what was said before, or
# follows from it: the country and the days of delivery from the city, the currency from the country.
INTENTS: dict[str, tuple[tuple[Turn, ...], ...]] = {
    "order": (
        (
            (
                (
                    "Where is my order?",
                    "My parcel has not come yet.",
                    "Can you tell me where my {product} is?",
                ),
                "I will look it up. What is the order number, and when did you order?",
            ),
            (
                (
                    "It is {order}, ordered on {date}.",
                    "Number {order}, {date}.",
                    "On {date}, number {order}.",
                ),
                "Thank you. Order {order} of {date} is on its way to you.",
            ),
        ),
        (
            (
                ("Where is order {order} of {date}?", "On {date} I ordered {order}. Where is it?"),
                "Order {order} of {date} is on its way to you.",
            ),
        ),
    ),
    "cancel": (
        (
            (
                (
                    "Please cancel order {order}.",
                    "I do not want order {order} any more.",
                    "Stop {order}, please.",
                ),
                "Order {order} is cancelled. You pay nothing.",
            ),
        ),
    ),
    "address": (
        (
            (
                (
                    "I have moved to {city}. Please send order {order} there.",
                    "Can order {order} go to {city}?",
                    "Change the address of order {order}: I live in {city} now.",
                ),
                "Order {order} will go to {city}, {country}. What is the street?",
            ),
        ),
    ),
    "delivery": (
        (
            (
                (
                    "How long does delivery to {city} take?",
                    "Do you deliver to {city}?",
                    "I live in {city}. When would a parcel arrive?",
                    "How many days is it to {city}?",
                ),
                "Delivery to {city}, {country}, takes {days} working days.",
            ),
            (
                ("And what does it cost?", "Is that free?", "How much is it?"),
                "Delivery to {city} is free if you order two things or more.",
            ),
        ),
    ),
    "payment": (
        (
            (
                (
                    "Can I pay from {country}?",
                    "I live in {country}. How can I pay?",
                    "Which money do you take in {country}?",
                    "How do people pay in {country}?",
                ),
                "In {country} you pay by card or bank transfer. The currency is the {currency}.",
            ),
        ),
    ),
    "refund": (
        (
            (
                (
                    "I want my money back.",
                    "How do I get a refund?",
                    "I would like a refund for my {product}.",
                ),
                "I am sorry that you are not happy. What is the order number, and what did you pay?",
            ),
            (
                ("Order {order}, I paid {price}.", "I paid {price} for {order}.", "{price}, number {order}."),
                "Thank you. You will get {price} back for order {order} within 14 days.",
            ),
        ),
        (
            (
                (
                    "I paid {price} for order {order} and want it back.",
                    "Please refund {order}, it was {price}.",
                ),
                "I am sorry. You will get {price} back for order {order} within 14 days.",
            ),
        ),
    ),
    "exchange": (
        (
            (
                (
                    "The {product} is too small. Can I exchange it?",
                    "I would like another colour of the {product}.",
                    "Can I swap my {product} for a bigger one?",
                ),
                "Yes, you can exchange the {product} within 30 days. Shall I send you a label?",
            ),
            (
                ("Yes, please.", "That would be nice.", "Please do."),
                "The label for the {product} is in your mailbox now.",
            ),
        ),
    ),
    "complaint": (
        (
            (
                (
                    "The {product} arrived broken.",
                    "My {product} is damaged.",
                    "Your {product} does not work!",
                ),
                "I am sorry about the {product}. Do you want a new one, or your money back?",
            ),
            (
                ("A new one, please.", "Send me another one.", "I still need one."),
                "We will send you a new {product} today.",
            ),
        ),
        (
            (
                ("The {product} broke after one day.", "I am angry: the {product} is no good."),
                "I am sorry about the {product}. Do you want a new one, or your money back?",
            ),
            (
                ("My money back.", "I want the money.", "No new one, just the money."),
                "You will get the money for the {product} back within 14 days.",
            ),
        ),
    ),
    "hours": (
        (
            (
                (
                    "When are you open on {weekday}?",
                    "Are you there on {weekday}?",
                    "What are your hours on {weekday}?",
                    "Can I call you on {weekday}?",
                ),
                "On {weekday} we are {hours}.",
            ),
        ),
    ),
    "out of scope": (
        (
            (
                (
                    "What is the capital of {country}?",
                    "What is the weather like in {city}?",
                    "Tell me a joke about my {product}.",
                    "Who will win the match on {weekday}?",
                    "Can you do my homework until {weekday}?",
                    "Book me a table in {city}.",
                ),
                "I am sorry, I can only help with orders, delivery, payment and returns.",
            ),
        ),
    ),
}
GREETING: Turn = (
    ("Hello!", "Hi.", "Good morning.", "Good evening.", "Hello, is anybody there?", "Hi, I have a question."),
    "Hello, this is the customer service. What can I do for you?",
)
THANKS: Turn = (
    ("Thank you!", "Thanks a lot.", "Great, thanks.", "That is very kind.", "Perfect, thank you."),
    "You are welcome. Is there anything else?",
)
GOODBYE: Turn = (
    ("No, that is all.", "Goodbye.", "No, bye!", "Nothing else."),
    "Goodbye, and have a nice day!",
)

PRODUCTS = (
    *(
        "lamp",
        "kettle",
        "backpack",
        "jacket",
        "desk",
        "helmet",
        "coffee mill",
        "umbrella",
        "phone",
        "keyboard",
    ),
    *("camera", "guitar", "blanket", "mirror", "clock", "scarf", "tent", "bicycle", "toaster", "bookshelf"),
)
WORKING_DAYS = {"Europe": 3, "Atlantic": 4, "America": 5, "Africa": 6, "Asia": 7, "Indian": 8, "Australia": 9}


def load(seed: int = 0) -> TaskData:
    """About 14,000 answers of an agent, each with all that was said before; the tag is the intent.

    Dialogues have one or two concerns of the customer, often a greeting before and thanks after them. The
    sentences are scratchlm's own; cities, countries, currencies, prices, dates and times come from CLDR. An
    answer repeats what was said, or is always the same for a city, a country or a day of the week. A dialogue
    is in one part with all its turns. Held-out dialogues are made of templates that training knows too: they
    test numbers, names and histories that are new, not new ways to talk.

    Raises:
        DataError: the package babel (BSD-3-Clause) is missing.
    """
    rng = random.Random(seed)
    places = _places()
    keys: dict[Example, str] = {}
    for number in range(DIALOGUES):
        for example in _examples(_turns(rng, places)):
            keys.setdefault(example, str(number))
    return TaskData(
        "dialogue",
        "give the next answer of a customer service",
        f"templates of scratchlm, filled from {babel_in_words()}",
        *split_examples(keys, seed, keys=list(keys.values())),
        metric="bleu",
    )


def _examples(turns: Iterator[tuple[str, str, str]]) -> Iterator[Example]:
    history = ""
    for intent, said, answer in turns:
        history += f"Customer: {said}\nAgent:"
        yield Example(history, answer, intent)
        history += f" {answer}\n"


def _turns(rng: random.Random, places: list[dict[str, str]]) -> Iterator[tuple[str, str, str]]:
    """The turns of one dialogue as (intent, what the customer says, the answer)."""
    way: list[tuple[str, tuple[Turn, ...]]] = [("greeting", (GREETING,))] if rng.random() < 0.4 else []
    for intent in rng.sample(list(INTENTS), k=rng.choice([1, 1, 2])):
        way.append((intent, rng.choice(INTENTS[intent])))
    if rng.random() < 0.2:
        way += [("thanks", (THANKS,)), ("goodbye", (GOODBYE,))]
    for intent, turns in way:
        slots = _slots(rng, places)
        for said, answer in turns:
            yield intent, rng.choice(said).format(**slots), answer.format(**slots)


def _slots(rng: random.Random, places: list[dict[str, str]]) -> dict[str, str]:
    """A value for each slot of the templates; what belongs together fits together."""
    dates, numbers = require("babel.dates", TASK), require("babel.numbers", TASK)
    place = rng.choice(places)
    day = date(2026, 1, 1) + timedelta(days=rng.randrange(365))
    return place | {
        "order": str(rng.randrange(10_000, 100_000)),
        "product": rng.choice(PRODUCTS),
        "price": numbers.format_currency(rng.randrange(500, 50_000) / 100, place["code"], locale="en"),
        "date": dates.format_date(day, rng.choice(["MMMM d", "d MMMM", "MMM d, y"]), "en"),
        "weekday": dates.format_date(day, "EEEE", "en"),
        "hours": _hours(day.weekday()),
    }


def _hours(weekday: int) -> str:
    """When the shop is open: from Monday to Friday, on Saturday (5) and on Sunday (6)."""
    if weekday == 6:
        return "closed"
    format_time = require("babel.dates", TASK).format_time
    opens, closes = (time(10), time(16)) if weekday == 5 else (time(8), time(18, 30))
    return (
        f"open from {format_time(opens, 'H:mm', locale='en')} to {format_time(closes, 'H:mm', locale='en')}"
    )


def _places() -> list[dict[str, str]]:
    """Cities with their country, its currency, and the days that a parcel takes."""
    territories = require("babel.core", TASK).get_global("zone_territories")
    currencies_of = require("babel.numbers", TASK).get_territory_currencies
    name = names("en", TASK)
    places = []
    for zone, city in cities("en", TASK).items():
        region, country = zone.partition("/")[0], f"territory/{territories[zone]}"
        money = currencies_of(territories[zone])
        if region in WORKING_DAYS and country in name and money and f"currency/{money[0]}" in name:
            places.append(
                {
                    "city": city,
                    "country": name[country],
                    "code": money[0],
                    "currency": name[f"currency/{money[0]}"],
                    "days": str(WORKING_DAYS[region]),
                }
            )
    return places
