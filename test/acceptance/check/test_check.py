"""Tests of the checks: `python3 -m unittest` in this directory."""
import unittest

import compare
import messages

TRUE = [{"VMUUID": "a", "RecordCreateTime": 10, "WallDuration": 5}, {"VMUUID": "b", "RecordCreateTime": 10, "WallDuration": 6}]


def tally(delivered):
    found = compare.compare(TRUE, delivered, str)
    return found.missing, found.extra, found.wrong, len(found.problems)


class Comparison(unittest.TestCase):
    def test_the_truth(self):
        self.assertEqual(tally(TRUE), (0, 0, 0, 0))
        self.assertEqual(tally(TRUE[::-1]), (0, 0, 0, 0))

    def test_faults(self):
        self.assertEqual(tally(TRUE[:1]), (1, 0, 0, 1))
        self.assertEqual(tally(TRUE + TRUE[:1]), (0, 1, 0, 1))
        self.assertEqual(tally([TRUE[0], TRUE[1] | {"WallDuration": 7}]), (0, 0, 1, 1))
        self.assertEqual(tally([TRUE[0], TRUE[1] | {"EndTime": 7}]), (0, 0, 1, 1))
        self.assertEqual(tally([TRUE[0], {"VMUUID": "b", "RecordCreateTime": 10}]), (0, 0, 1, 1))
        self.assertEqual(tally([TRUE[0], TRUE[1] | {"RecordCreateTime": 11}]), (1, 1, 0, 2))

    def test_order(self):
        earlier = {"VMUUID": "a", "RecordCreateTime": 9}
        self.assertEqual(len(compare.compare([TRUE[0], earlier], [TRUE[0], earlier], str).problems), 1)


class Messages(unittest.TestCase):
    good = b"APEL-cloud-message: v0.4\nCpuCount: 2\nVMUUID: a: b\n%%\nVMUUID: c\n"

    def test_good(self):
        self.assertEqual(messages.parse_message(self.good), [{"CpuCount": 2.0, "VMUUID": "a: b"}, {"VMUUID": "c"}])

    def test_bad(self):
        for old, new in [(b"v0.4", b"v0.3"), (b": 2", b": 2e3"), (b"VMUUID: c", b"VMUUID c"), (b"VMUUID: c", b"Vmuuid: c"),
                         (b"VMUUID: c", b"EndTime: 1.0"), (b"a: b", b"\xc3\xa9"), (b"c\n", b"c\n\n"), (b"c\n", b"c"),
                         (b"c\n", b"c\n%%\n"), (b"\nVMUUID: a", b"\n\nVMUUID: a"), (b"a: b", b"a%%b"), (b"VMUUID: c", b"VMUUID: " + b"c" * 256)]:
            with self.subTest(new=new), self.assertRaises((messages.Malformed, UnicodeDecodeError)):
                messages.parse_message(self.good.replace(old, new, 1))

    def test_names(self):
        for name, text in {"naïve": "nave", "服务器": "u", "a%%%b": "a% % %b", "%%": "% %", "a\nb: c": "a b: c", "x" * 300: "x" * 255}.items():
            self.assertEqual(messages.to_apel({"VMUUID": "u", "MachineName": name})["MachineName"], text)


if __name__ == "__main__":
    unittest.main()
