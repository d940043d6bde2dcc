#!/usr/bin/env python3
"""The checker against histories made by hand: what is impossible is found, what is legal is not."""

import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True  # nothing is left in the sources

import checker


def verdict_of(*lines, errors=0):
    """Lines of any clients, in any order: `<verb> <key> <value> <begun> <ended> <answer>`."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "c.history"
        path.write_text("".join(line + "\n" for line in (*lines, "end")), encoding="ascii")
        history = checker.History()
        history.read(path)
    assert len(history.errors) == errors, history.errors
    return checker.judge(history)


class Rule(unittest.TestCase):
    def expect(self, lines, stale=0, lost_deletes=0, foreign=0, disorder=0):
        found = verdict_of(*lines)
        self.assertEqual((found.stale, found.lost_deletes, found.foreign, found.disorder),
                         (stale, lost_deletes, foreign, disorder), found.examples)

    def test_newest_value_then_legal(self):
        self.expect(["s 1 0.1 10 20 o", "s 1 0.2 30 40 o", "g 1 0.2 50 60 h"])

    def test_older_value_after_acknowledged_set_then_stale(self):
        self.expect(["s 1 0.1 10 20 o", "s 1 0.2 30 40 o", "g 1 0.1 50 60 h"], stale=1)

    def test_older_value_after_a_newer_one_was_seen_then_stale(self):
        self.expect(["s 1 0.1 10 20 o", "s 1 0.2 30 90 u", "g 1 0.2 40 50 h", "g 1 0.1 55 60 h"],
                    stale=1)

    def test_value_after_acknowledged_delete_then_lost_delete(self):
        self.expect(["s 1 0.1 10 20 o", "d 1 - 30 40 o", "g 1 0.1 50 60 h"], stale=1, lost_deletes=1)

    def test_value_after_delete_that_found_nothing_then_lost_delete(self):
        self.expect(["s 1 0.1 10 20 o", "d 1 - 30 40 n", "g 1 0.1 50 60 h"], stale=1, lost_deletes=1)

    def test_delete_covered_by_a_later_set_then_still_told(self):
        self.expect(["s 1 0.1 10 20 o", "d 1 - 30 40 o", "s 1 0.2 41 42 o", "g 1 0.1 50 60 h"],
                    stale=1, lost_deletes=1)

    def test_get_that_began_before_the_acknowledgement_then_legal(self):
        self.expect(["s 1 0.1 10 20 o", "s 1 0.2 30 40 o", "g 1 0.1 40 60 h"])

    def test_get_during_a_set_then_both_values_are_legal(self):
        self.expect(["s 1 0.1 10 20 o", "s 1 0.2 30 90 o", "g 1 0.1 40 50 h", "g 1 0.2 55 60 h"])

    def test_unanswered_set_then_it_may_come_at_any_time(self):
        self.expect(["s 1 0.1 10 20 u", "s 1 0.2 30 40 o", "g 1 0.2 42 43 h", "g 1 0.1 50 60 h"])

    def test_failed_set_and_delete_then_the_older_value_is_legal(self):
        self.expect(["s 1 0.1 10 20 o", "s 1 0.2 30 40 e", "d 1 - 41 42 u", "g 1 0.1 50 60 h"])

    def test_refused_add_that_happened_then_legal(self):
        self.expect(["s 1 0.1 10 20 o", "a 1 1.1 30 40 n", "g 1 1.1 50 60 h"])

    def test_acknowledged_add_then_as_a_set(self):
        self.expect(["s 1 0.1 10 20 o", "a 1 1.1 30 40 o", "g 1 0.1 50 60 h"], stale=1)

    def test_overlapping_writers_then_either_order_is_legal(self):
        lines = ["s 1 0.1 10 40 o", "s 1 1.1 20 50 o"]
        self.expect([*lines, "g 1 0.1 60 70 h"])
        self.expect([*lines, "g 1 1.1 60 70 h"])

    def test_overlapping_writers_seen_in_both_orders_then_disorder(self):
        lines = ["s 1 0.1 10 40 o", "s 1 1.1 20 50 o"]
        self.expect([*lines, "g 1 0.1 60 61 h", "g 1 1.1 62 63 h", "g 1 0.1 64 65 h"], disorder=1)

    def test_misses_and_errors_of_gets_then_nothing(self):
        self.expect(["s 1 0.1 10 20 o", "g 1 - 30 40 m", "g 1 - 41 42 e", "g 1 0.1 50 60 h"])

    def test_value_that_nobody_wrote_then_foreign(self):
        self.expect(["s 1 0.1 10 20 o", "g 1 7.7 50 60 h"], foreign=1)

    def test_value_of_another_key_then_foreign(self):
        self.expect(["s 1 0.1 10 20 o", "g 2 0.1 50 60 h"], foreign=1)

    def test_value_from_the_future_then_foreign(self):
        self.expect(["g 1 0.1 5 9 h", "s 1 0.1 10 20 o"], foreign=1)

    def test_other_keys_then_no_concern(self):
        self.expect(["s 1 0.1 10 20 o", "s 2 0.2 30 40 o", "g 1 0.1 50 60 h"])

    def test_every_stale_hit_counts(self):
        self.expect(["s 1 0.1 10 20 o", "s 1 0.2 30 40 o", "g 1 0.1 50 60 h", "g 1 0.1 61 62 h",
                     "g 1 0.2 63 64 h"], stale=2, disorder=1)


class Surroundings(unittest.TestCase):
    def history(self, **clients):
        history = checker.History()
        with tempfile.TemporaryDirectory() as folder:
            for name, lines in clients.items():
                path = pathlib.Path(folder) / f"{name}.history"
                path.write_text("".join(line + "\n" for line in lines), encoding="ascii")
                history.read(path)
        return history

    def test_history_without_an_end_then_an_error(self):
        self.assertEqual(len(self.history(a=["g 1 - 1 2 m"]).errors), 1)

    def test_hits_then_counted_by_time(self):
        history = self.history(a=["g 1 0.1 10 12 h", "g 1 - 13 14 m", "g 1 0.1 21 22 h",
                                  "g 1 - 35 36 m", "g 1 - 39 51 m", "g 1 0.1 60 61 h", "end"])
        counts = checker.hit_ratios(history, checker.Windows([(30, 40), (38, 50)]), (10, 20))
        self.assertEqual(counts, {"quiet": [1, 2], "outside": [2, 2], "inside": [0, 2]})

    def test_unmoved_key_that_failed_or_waited_then_told(self):
        history = self.history(a=["s 1 0.1 1000000 9000000 o", "s 2 0.2 9000000 9500000 n",
                                  "a 2 0.3 9600000 9700000 n", "end"],
                               b=["s 1 1.1 1000000 99000000 e", "end"])
        step = {"from": 0, "until": 10**9, "unmoved": [1, 2], "clients_touched": ["b"]}
        longest, failed, slow = checker.pauses_of_the_unmoved(history, [step], (9500000, 10000000))
        self.assertEqual(longest[0], (8.0, 0, "a", 1))
        self.assertEqual(failed, [(0, "a", 2)])
        self.assertEqual(slow, (8.0, 0.1))

    def test_keys_that_moved_for_nothing_then_told(self):
        steps = [{"memcacheds_touched": ["m1"], "moved": [1], "unmoved": []},
                 {"memcacheds_touched": [], "moved": [], "unmoved": [1, 2]},
                 {"what": ["a1 vanishes"], "memcacheds_touched": [], "moved": [1],
                  "unmoved": [2, 3, 4]}]
        idle_count, sentences = checker.moves_for_nothing(steps)
        self.assertEqual(idle_count, 2)
        self.assertEqual(sentences, ["step 2 (a1 vanishes): 1 of 4 keys moved, though nothing was done "
                                     "to any memcached"])

    def test_untouched_memcached_that_was_lost_then_told_in_any_step(self):
        steps = [{"what": ["m1 killed"], "memcacheds_touched": ["m1"], "moved": [1], "unmoved": [],
                  "lost_untouched": ["m2:1"]}]
        _, sentences = checker.moves_for_nothing(steps)
        self.assertEqual(len(sentences), 1)
        self.assertIn("memcached m2:1 was lost", sentences[0])

    def test_moved_key_then_its_writes_were_unavailable_from_failure_to_success(self):
        history = self.history(a=["s 1 0.1 1000000 2000000 e", "s 1 0.2 3000000 4000000 e",
                                  "s 1 0.3 5000000 6000000 o", "s 2 0.4 6000000 9000000 o", "end"])
        step = {"from": 0, "until": 10**9, "moved": [1, 2]}
        self.assertEqual(checker.unavailable_of_the_moved(history, [step]), [3.0, 5.0])


if __name__ == "__main__":
    unittest.main()
