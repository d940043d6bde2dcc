"""The judge of the steady work finds what is wrong, and only that."""

import sys
import unittest

sys.dont_write_bytecode = True

from history import History, value_of


class HistoryTest(unittest.TestCase):
    def setUp(self):
        self.history = History()
        self.first, _ = self.history.attempt("k", 100)
        self.history.stored("k", self.first)

    def read(self, key, number, size):
        return self.history.read("k", value_of(key, number, size))

    def test_last_stored_value_then_right(self):
        self.assertTrue(self.read("k", self.first, 100))

    def test_attempt_without_answer_then_old_and_new_are_right(self):
        second, _ = self.history.attempt("k", 50)
        self.assertTrue(self.read("k", self.first, 100))
        self.assertTrue(self.read("k", second, 50))

    def test_older_than_acknowledged_then_wrong(self):
        second, _ = self.history.attempt("k", 50)
        self.history.stored("k", second)
        self.assertFalse(self.read("k", self.first, 100))
        self.assertIn("older", self.history.wrong[0])

    def test_deleted_then_wrong(self):
        self.history.deleted("k", self.history.attempt_delete("k"))
        self.assertFalse(self.read("k", self.first, 100))

    def test_other_key_then_wrong(self):
        self.assertFalse(self.read("other", self.first, 100))
        self.assertIn("another key", self.history.wrong[0])

    def test_cut_or_mixed_or_never_written_then_wrong(self):
        self.assertFalse(self.history.read("k", value_of("k", self.first, 100)[:-1]))
        self.assertFalse(self.history.read("k", value_of("k", self.first, 50) + value_of("j", 1, 50)))
        self.assertFalse(self.read("k", 99, 100))

    def test_miss_of_what_was_there_then_news_once(self):
        self.assertTrue(self.history.missed("k"))
        self.assertFalse(self.history.missed("k"))


if __name__ == "__main__":
    unittest.main()
