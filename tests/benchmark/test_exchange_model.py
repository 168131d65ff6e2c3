"""The fit finds the constants that made-up measurements were made with, and its counts are those of the exchange."""

import pathlib
import random
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import numpy as np

import exchange_model

COMPUTE = (0.004, 30e-6)
EXCHANGE = (0.0007, 25e-6, 1.12)


def made_up(noise=0.0, compute=COMPUTE, exchange=EXCHANGE):
    generator = random.Random(1)
    points = []
    for nodes in (1, 2, 4, 8):
        for rate in (1e8, 1e9, 1e10):
            for batch_size in (32, 256, 512):
                point = {"nodes": nodes, "rate": rate, "batch_size": batch_size, "num_steps": 35}
                point.update(vocabulary=3965, hidden_size=256, cores=2, ranks_on_cores=nodes)
                point["compute"] = float(np.dot(exchange_model.compute_terms(point), compute))
                point["exchange"] = 0.0
                if nodes > 1:
                    point["exchange"] = float(np.dot(exchange_model.exchange_terms(point), exchange))
                for part in ("compute", "exchange"):
                    point[part] *= 1 + generator.uniform(-noise, noise)
                points.append(point)
    return points


class Fit(unittest.TestCase):
    def test_recovers_the_constants(self):
        model = exchange_model.Model(made_up())
        np.testing.assert_allclose(model.compute, COMPUTE, rtol=1e-6)
        np.testing.assert_allclose(model.exchange, EXCHANGE, rtol=1e-6)

    def test_recovers_them_from_noisy_measurements(self):
        model = exchange_model.Model(made_up(noise=0.01))
        np.testing.assert_allclose(model.compute, COMPUTE, rtol=0.05)
        np.testing.assert_allclose(model.exchange, EXCHANGE, rtol=0.2)

    def test_predicts_more_nodes_than_were_measured(self):
        model = exchange_model.Model(made_up())
        point = dict(made_up()[0], nodes=1024, batch_size=16384, rate=1e9, cores=1024, ranks_on_cores=1024)
        compute, exchange = model.predict(point)
        self.assertAlmostEqual(compute, float(np.dot(exchange_model.compute_terms(point), COMPUTE)), places=9)
        self.assertAlmostEqual(exchange, float(np.dot(exchange_model.exchange_terms(point), EXCHANGE)), places=9)

    def test_no_constant_is_below_zero(self):
        model = exchange_model.Model(made_up(noise=0.02, exchange=(0.0, 0.0, 1.1)))
        self.assertTrue(np.all(model.exchange >= 0))
        self.assertAlmostEqual(model.exchange[2], 1.1, delta=0.03)

    def test_one_node_exchanges_nothing(self):
        self.assertEqual(exchange_model.Model(made_up()).predict(made_up()[0])[1], 0.0)

    def test_needs_more_than_one_node(self):
        with self.assertRaises(ValueError):
            exchange_model.Model([point for point in made_up() if point["nodes"] == 1])


class Counts(unittest.TestCase):
    def test_touched_rows(self):
        self.assertAlmostEqual(exchange_model.touched_rows(1, 3965), 1, places=6)
        self.assertLess(exchange_model.touched_rows(1e9, 3965), 3964.001)
        self.assertGreater(exchange_model.touched_rows(1e9, 3965), 3963.9)

    def test_touched_rows_are_those_of_the_law(self):
        generator = np.random.default_rng(1)
        drawn = np.minimum(np.exp(generator.random((20, 1120)) * np.log(3965)) - 1, 3964).astype(int)
        mean = np.mean([len(np.unique(tokens)) for tokens in drawn])
        self.assertAlmostEqual(exchange_model.touched_rows(1120, 3965) / mean, 1, delta=0.02)

    def test_bytes_of_two_nodes(self):
        rows = exchange_model.touched_rows(100, 50) + exchange_model.touched_rows(200, 50)
        dense = 8 * 32 + 32 + 8 * 50 + 50
        self.assertAlmostEqual(exchange_model.sent_bytes(2, 200, 50, 8), 4 * 0.5 * (2 * dense + rows * 32), places=6)

    def test_messages(self):
        self.assertEqual(exchange_model.message_count(1024, 1000, 50, 8), 2 * 1023)
        self.assertEqual(exchange_model.message_count(4, 8960, 3965, 256) % 6, 0)


if __name__ == "__main__":
    unittest.main()
