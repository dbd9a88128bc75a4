#!/usr/bin/env python3
"""Recommends with the library `implicit` and with EASE (Steck 2019), for comparison with food-app.

Usage: baselines.py FOLDER

For each file NAME.train.tsv in the folder (lines of user and food) and NAME.users.txt (users, one a line), writes
NAME.METHOD.tsv for each method: lines of a user and 20 foods that the user does not like yet, best first. Exits with 1 if a
method fails. Needs the packages of requirements.txt.
"""

import os
import sys
import warnings
from pathlib import Path

os.environ.update({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"})  # before numpy is imported

import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender
from implicit.utils import ParameterWarning
from scipy.sparse import csr_matrix

warnings.simplefilter("ignore", ParameterWarning)  # BM25Recommender converts its own matrix

PAGE = 20
# Dense EASE needs the square of the foods in memory, and its cube in time.
MAX_EASE_FOODS = 5_000


def ease(likes, regularization):
    """Returns the weights between foods that minimize the squared error of predicting each food from the others."""
    counts = (likes.T @ likes).toarray()
    counts[np.diag_indices_from(counts)] += regularization
    inverse = np.linalg.inv(counts)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


def recommend_ease(likes, rows):
    weights = ease(likes, regularization=300)
    for row in rows:
        scores = likes[row] @ weights
        scores[0, likes[row].indices] = -np.inf
        yield np.argsort(-scores[0], kind="stable")[:PAGE]


def recommend_implicit(model, likes, rows):
    model.fit(likes, show_progress=False)
    ids, _ = model.recommend(rows, likes[rows], N=PAGE, filter_already_liked_items=True)
    yield from ids


METHODS = {
    "ease": recommend_ease,
    "implicit cosine": lambda likes, rows: recommend_implicit(CosineRecommender(K=100, num_threads=1), likes, rows),
    "implicit BM25": lambda likes, rows: recommend_implicit(BM25Recommender(K=100, num_threads=1), likes, rows),
    "implicit ALS": lambda likes, rows: recommend_implicit(
        AlternatingLeastSquares(factors=64, num_threads=1, random_state=7), likes, rows
    ),
}


def main(folder):
    for train in sorted(folder.glob("*.train.tsv")):
        name = train.name.removesuffix(".train.tsv")
        users, foods = np.loadtxt(train, dtype=np.int64, unpack=True)
        user_ids, user_rows = np.unique(users, return_inverse=True)
        food_ids, food_rows = np.unique(foods, return_inverse=True)
        likes = csr_matrix((np.ones(len(users), dtype=np.float32), (user_rows, food_rows)))
        wanted = np.loadtxt(folder / f"{name}.users.txt", dtype=np.int64, ndmin=1)
        rows = np.searchsorted(user_ids, wanted)
        for method, recommend in METHODS.items():
            if method == "ease" and len(food_ids) > MAX_EASE_FOODS:
                continue
            with open(folder / f"{name}.{method}.tsv", "w", encoding="utf-8") as file:
                for user, found in zip(wanted, recommend(likes, rows), strict=True):
                    known = [str(food_ids[food]) for food in found if food >= 0]
                    print(user, *known, sep="\t", file=file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
