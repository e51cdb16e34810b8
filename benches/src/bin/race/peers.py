"""Runs the peers that live in Python, for the program `race`.

    peers.py version MODULE
    peers.py learn MODULE TASK name=value ... TRAIN MODEL
    peers.py predict MODULE TASK TEST MODEL

`learn` prints a JSON line at its end. Weights are written as bare 64-bit numbers in the layout of Crosscut's tasks: feature
by feature a number for each class, then, for tags, the transitions, row by row.
"""

import importlib
import importlib.metadata
import json
import sys
import time

PACKAGES = {"sklearn": ["scikit-learn"], "dlib": ["dlib", "dlib-bin"], "xgboost": ["xgboost", "xgboost-cpu"], "lightgbm": ["lightgbm"]}


def version(module):
    importlib.import_module(module)
    for package in PACKAGES[module]:
        try:
            return print(importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            pass
    print("version unknown")


def rows(path, task):
    """X, y, qid of svm-light lines; qid is None where there are none."""
    from sklearn.datasets import load_svmlight_file

    if task == "ranking":
        return load_svmlight_file(path, query_id=True, zero_based=False)
    return (*load_svmlight_file(path, zero_based=False), None)


def sizes(qid):
    import numpy as np

    return np.diff(np.flatnonzero(np.r_[True, qid[1:] != qid[:-1], True]))


def learn_sklearn(task, options, train, model):
    import numpy as np
    from sklearn.svm import LinearSVC

    x, y, _ = rows(train, task)
    # The reader numbers with 64 bits, LIBLINEAR's code takes 32.
    x.indices, x.indptr = x.indices.astype(np.int32), x.indptr.astype(np.int32)
    bias = options.get("bias")
    began = time.time()
    svm = LinearSVC(
        multi_class="crammer_singer",
        C=options["c_sum"],
        tol=options["tol"],
        fit_intercept=bias is not None,
        intercept_scaling=bias or 1.0,
        max_iter=1000,
    ).fit(x, y)
    seconds = time.time() - began
    w = svm.coef_.T
    if bias is not None:
        w = np.vstack([w, svm.intercept_ / bias])
    np.ascontiguousarray(w, dtype="<f8").tofile(model)
    return {"passes": None, "seconds": seconds}


def threads(options):
    return int(options["cores"])


def learn_xgboost(task, options, train, model):
    import xgboost

    x, y, qid = rows(train, task)
    settings = {"booster": "gblinear", "nthread": threads(options), "verbosity": 0, "eta": options.get("eta", 0.5)}
    if task == "ranking":
        data = xgboost.DMatrix(x, label=y, qid=qid)
        settings["objective"] = "rank:pairwise"
    else:
        data = xgboost.DMatrix(x, label=y - y.min())
        settings.update(objective="multi:softmax", num_class=int(y.max() - y.min()) + 1)
    began = time.time()
    booster = xgboost.train(settings, data, int(options["rounds"]))
    seconds = time.time() - began
    booster.set_attr(first=str(float(y.min())))
    booster.save_model(model + ".json")
    return {"passes": None, "seconds": seconds}


def predict_xgboost(task, test, model):
    import xgboost

    x, _, _ = rows(test, task)
    booster = xgboost.Booster(model_file=model + ".json")
    width = booster.num_features()
    x.resize((x.shape[0], width))
    found = booster.predict(xgboost.DMatrix(x))
    if task == "ranking":
        return [repr(float(score)) for score in found]
    first = float(booster.attr("first"))
    return [str(int(label + first)) for label in found]


def learn_lightgbm(task, options, train, model):
    import lightgbm

    x, y, qid = rows(train, task)
    settings = {"objective": "lambdarank", "num_threads": threads(options), "verbosity": -1}
    began = time.time()
    booster = lightgbm.train(settings, lightgbm.Dataset(x, y, group=sizes(qid)), int(options["rounds"]))
    seconds = time.time() - began
    booster.save_model(model)
    return {"passes": None, "seconds": seconds}


def predict_lightgbm(task, test, model):
    import lightgbm

    x, _, _ = rows(test, task)
    booster = lightgbm.Booster(model_file=model)
    x.resize((x.shape[0], booster.num_feature()))
    return [repr(float(score)) for score in booster.predict(x)]


class Chains:
    """All sequences of a file as one example for dlib: its loss, its features and its oracle are means over sequences.

    That is the 1-slack problem which dlib makes of many examples, and lets numpy find the tags of all sequences in one sweep
    instead of one call for each.
    """

    def __init__(self, path, options):
        import numpy as np

        self.np = np
        self.C, self.epsilon, self.passes = options["c_mean"], options["eps"], 0
        self.num_samples, self.max_cache_size = 1, 0
        x, y, qid = rows(path, "ranking")
        length = sizes(qid)
        # The longest first: the sequences that have a token t are the first so many.
        order = np.argsort(-length, kind="stable")
        start = np.concatenate([[0], np.cumsum(length)[:-1]])
        self.lengths = length[order]
        self.n, self.x, self.y = len(length), x.tocsr(), y.astype(int) - 1
        self.width, self.tags = x.shape[1], int(y.max())
        alive = [int((self.lengths > t).sum()) for t in range(self.lengths[0])]
        self.at = [start[order[:count]] + t for t, count in enumerate(alive)]
        self.num_dimensions = self.width * self.tags + self.tags**2
        self.truth = self.features(self.y)

    def features(self, y):
        np, k = self.np, self.tags
        tags = np.zeros((len(y), k))
        tags[np.arange(len(y)), y] = 1.0
        pairs = np.zeros((k, k))
        for before, now in zip(self.at, self.at[1:]):
            np.add.at(pairs, (y[before[: len(now)]], y[now]), 1.0)
        return np.concatenate([(self.x.T @ tags).ravel(), pairs.ravel()]) / self.n

    def get_truth_joint_feature_vector(self, _):
        import dlib

        return dlib.vector(self.truth.tolist())

    def separation_oracle(self, _, w):
        import dlib

        np, k = self.np, self.tags
        self.passes += 1
        w = np.array(w)
        scores = self.x @ w[: self.width * k].reshape(self.width, k) + 1.0
        scores[np.arange(len(self.y)), self.y] -= 1.0
        pairs = w[self.width * k :].reshape(k, k)
        best, back = scores[self.at[0]], []
        ends = []
        for t, now in enumerate(self.at[1:], 1):
            ends.append(best[len(now) :])
            through = best[: len(now), :, None] + pairs
            back.append(through.argmax(axis=1))
            best = through.max(axis=1) + scores[now]
        ends.append(best)
        y = np.empty_like(self.y)
        tag = np.empty(0, dtype=int)
        for t in range(len(self.at) - 1, -1, -1):
            if t < len(self.at) - 1:
                tag = back[t][np.arange(len(tag)), tag]
            tag = np.concatenate([tag, ends[t].argmax(axis=1)]) if len(ends[t]) else tag
            y[self.at[t]] = tag
        loss = float((y != self.y).sum()) / self.n
        return loss, dlib.vector(self.features(y).tolist())


def learn_dlib(task, options, train, model):
    import dlib
    import numpy as np

    chains = Chains(train, options)
    began = time.time()
    w = dlib.solve_structural_svm_problem(chains)
    seconds = time.time() - began
    np.array(w, dtype="<f8").tofile(model)
    return {"passes": chains.passes, "seconds": seconds}


def main(verb, module, *rest):
    if verb == "version":
        return version(module)
    if verb == "learn":
        task, *options, train, model = rest
        options = {name: float(value) for name, value in (option.split("=") for option in options)}
        return print(json.dumps(globals()["learn_" + module](task, options, train, model)))
    task, test, model = rest
    print("\n".join(globals()["predict_" + module](task, test, model)))


main(*sys.argv[1:])
