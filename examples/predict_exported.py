#!/usr/bin/env python3
"""Predicts with an exported model: predict_exported.py MODEL.json EXAMPLES

Prints what `crosscut classify` writes, for svm-light lines (multiclass, ranking, sequence) and for
attributes as in CRFsuite (sequence). docs/export.md describes the format of the model.
"""
import json, re, sys
from array import array
from itertools import groupby

single = lambda value: array("f", [value])[0]  # rounds to single precision
model = json.load(open(sys.argv[1], encoding="utf-8"))
scaling, labels, weights = model["scaling"], model["labels"], model["weights"]
assert (model["format"], model["version"]) == ("crosscut-export", 1)
assert not scaling or "features" in scaling, "--scale query is not supported here"
features = scaling["features"] if scaling else {}
shifted = [name for name, by in features.items() if by["width"] and by["origin"]]  # 0 becomes something else

def scaled(row):
    if not scaling: return {name: single(value) for name, value in row.items()}
    change = lambda x, by: single((x - by["origin"]) / by["width"]) if by["width"] else 0.0
    names = dict.fromkeys([*row, *shifted])
    return {name: change(row.get(name, 0.0), features[name]) for name in names if name in features}

def svm_light(line):  # the number of qid:, and the features
    fields = [word.split(":") for word in line.split("#")[0].split() if ":" in word]
    row = {id: float(value) for id, value in fields if id not in ("qid", "cost")}
    return dict(fields).get("qid"), scaled(row)

def crfsuite(line):  # whether there is a token, and its features
    row = {}
    for field in line.rstrip("\n").split("\t")[1:]:
        name, value = re.fullmatch(r"((?:\\[:\\]|[^:])*):?(.*)", field).groups()
        name = re.sub(r"\\([:\\])", r"\1", name)
        row[name] = row.get(name, 0.0) + float(value or 1)
    return bool(line.strip()), scaled(row)

def score(row, of):
    return sum(of.get(name, 0.0) * value for name, value in row.items())

def tagging(rows):  # Viterbi
    assert model["orders"] == {"transitions": 1, "emissions": 0}, "other orders are not supported here"
    pairs = {(a, b): weight for a, b, weight in model.get("transitions", [])}
    pairs.update({(a, b): float("-inf") for a, b in model["forbidden"] or []})
    step, best, back = lambda a, b: pairs.get((a, b), 0.0), {None: 0.0}, []
    for row in rows:
        back.append({b: max(best, key=lambda a: best[a] + step(a, b)) for b in labels})
        best = {b: best[a] + step(a, b) + score(row, weights[b]) for b, a in back[-1].items()}
    tags = [max(labels, key=lambda a: best[a] + step(a, None))]
    while len(tags) < len(rows): tags.append(back[-len(tags)][tags[-1]])
    return tags[::-1]

parse = crfsuite if model.get("tokens") == "crfsuite" else svm_light
assert model.get("tokens") != "columns", "templates are not supported here"
lines = [line for line in open(sys.argv[2], encoding="utf-8") if parse is crfsuite or line.split("#")[0].strip()]
for group, tokens in groupby(map(parse, lines), key=lambda token: token[0]):
    rows = [row for _, row in tokens]
    if model["task"] == "sequence" and group:
        print(*tagging(rows), sep="\n", end="\n\n" if parse is crfsuite else "\n")
    for row in rows if model["task"] != "sequence" else []:
        if model["task"] == "ranking": print(score(row, weights)); continue
        bias = lambda c: (model["bias"] or 0.0) * model.get("bias_weights", {}).get(c, 0.0)
        scores = {c: score(row, weights[c]) + bias(c) for c in labels}
        print(max(scores, key=scores.get), *scores.values())
