"""wrap-comments: what it fills anew, and what it leaves as it is."""

import importlib.machinery
import importlib.util
import pathlib
import unittest

SCRIPT = pathlib.Path(__file__).with_name("wrap-comments")
LOADER = importlib.machinery.SourceFileLoader("wrap_comments", str(SCRIPT))
wrap_comments = importlib.util.module_from_spec(importlib.util.spec_from_loader("wrap_comments", LOADER))
LOADER.exec_module(wrap_comments)

LONG = "word " * 22  # over 100 columns behind the slashes


class WrapCommentsTest(unittest.TestCase):
    def assert_stays(self, *lines):
        self.assertEqual(wrap_comments.wrapped(list(lines)), list(lines))

    def test_fills_a_paragraph_that_is_too_long(self):
        lines = wrap_comments.wrapped(["// " + LONG.strip(), "// end."])
        self.assertTrue(all(len(line) <= 100 for line in lines), lines)
        self.assertEqual(" ".join(line[3:] for line in lines), LONG + "end.")

    def test_fills_a_list_item_with_its_indent(self):
        lines = wrap_comments.wrapped(["  // * " + LONG.strip(), "  // * next"])
        self.assertEqual([line[:7] for line in lines], ["  // * ", "  //   ", "  // * "])

    def test_leaves_a_list_of_yaml_in_an_example(self):
        self.assert_stays(
            "// The file:",
            "//   callers:",
            "//     - name: lab       # " + LONG.strip(),
            "//       agency: city    # on whose behalf",
            "//       methods:",
            "//         - epigrid.*")

    def test_leaves_rulers_and_script_comments(self):
        self.assert_stays("  // --- for tests " + "-" * 100, "  // Which of them.")
        self.assert_stays("// # " + LONG.strip(), "// # next")


if __name__ == "__main__":
    unittest.main()
