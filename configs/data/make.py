"""Writes the small data of the fine-tuning runs beside this file: made-up messages, questions and chats. Seeded: the same every time."""

import json
import random
from pathlib import Path

pick = random.Random(1)
FIRST = "Ada Alan Grace Edsger Barbara Donald Katherine Dennis Margaret Ken Radia Linus Frances Tim Hedy".split()
LAST = "Lovelace Turing Hopper Dijkstra Liskov Knuth Johnson Ritchie Hamilton Thompson Perlman Allen Lamarr".split()
PLACES = ["Paris", "New York", "Lagos", "Kyoto", "Buenos Aires", "Oslo", "Cape Town", "Lima", "Hanoi", "Rome"]
FIRMS = ["Acme", "Globex Corporation", "Initech", "Umbrella Works", "Stark Industries", "Wayne Shipping", "Hooli"]
THINGS = "report invoice prototype contract map letter lamp engine recipe violin telescope".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
COLOURS = "red blue green yellow black white grey".split()


def person():
    return f"{pick.choice(FIRST)} {pick.choice(LAST)}" if pick.random() < 0.6 else pick.choice(FIRST)


def entities():
    forms = ["{PER} met {PER} in {LOC} on {day} .", "{ORG} sent a {thing} to {PER} .", "The {thing} from {LOC} was for {ORG} .",
             "On {day} , {PER} of {ORG} flew to {LOC} .", "Please give {PER} the {colour} {thing} .", "{LOC} is far from {LOC} ."]
    for _ in range(600):
        tokens, tags = [], []
        for word in pick.choice(forms).split():
            kind = word.strip("{}")
            value = {"PER": person, "LOC": lambda: pick.choice(PLACES), "ORG": lambda: pick.choice(FIRMS), "day": lambda: pick.choice(DAYS),
                     "thing": lambda: pick.choice(THINGS), "colour": lambda: pick.choice(COLOURS)}.get(kind, lambda: word)()
            parts = value.split()
            tokens += parts
            tags += [("B-" if i == 0 else "I-") + kind if kind.isupper() else "O" for i in range(len(parts))]
        yield {"tokens": tokens, "tags": tags}


def questions():
    for _ in range(600):
        who, (where, thing, day, firm, colour) = person(), map(pick.choice, (PLACES, THINGS, DAYS, FIRMS, COLOURS))
        context = f"On {day}, {who} brought a {colour} {thing} from {where}. It was meant for {firm}, where nobody expected it."
        question, answer = pick.choice([("Who brought the " + thing + "?", who), ("Where did the " + thing + " come from?", where),
                                        ("On which day was it brought?", day), ("Who was the " + thing + " meant for?", firm),
                                        ("What colour was the " + thing + "?", colour)])
        yield {"question": question, "context": context, "answers": {"text": [answer], "answer_start": [context.index(answer)]}}


def chats():
    for _ in range(600):
        who, (where, thing, day, colour) = person(), map(pick.choice, (PLACES, THINGS, DAYS, COLOURS))
        told = f"{who} went to {where} on {day} and brought a {colour} {thing}."
        ask, answer = pick.choice([(f"{told} Who went there?", f"{who} did."), (f"{told} Where?", f"It was {where}."),
                                   (f"{told} When?", f"On {day}."), (f"{told} What came along?", f"A {colour} {thing}."),
                                   (f"Repeat: {thing}, {where}, {day}.", f"{thing}, {where}, {day}.")])
        yield {"messages": [{"role": "user", "content": ask}, {"role": "assistant", "content": answer}]}


for name, records in (("entities", entities), ("questions", questions), ("chat", chats)):
    lines = "".join(json.dumps(record) + "\n" for record in records())
    Path(__file__).with_name(f"{name}.jsonl").write_text(lines)
