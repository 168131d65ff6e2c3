"""Checks that the options are told the same way everywhere.

    check_options.py SOURCE PRINT_OPTIONS [--update]

- struct settings and settings_table[] have the same fields.
- The README's tables of options are those of the program. A table stands between the lines
  `<!-- options: COMMAND -->` and `<!-- end of options -->`; that of train must be there. --update writes them
  anew.
"""

import pathlib
import re
import subprocess
import sys

HEADER = ["| option | default | meaning |", "| --- | --- | --- |"]
TABLE = re.compile(r"(<!-- options: (\w+) -->\n)(.*?)(<!-- end of options -->)", re.DOTALL)


def output_of(program, word):
    run = subprocess.run([program, word], check=True, capture_output=True)
    return run.stdout.decode("utf-8").splitlines()


def fields_of_struct(source):
    text = (source / "include/lstm_mpi/config/settings.h").read_text(encoding="utf-8")
    body = re.search(r"\nstruct settings \{\n(.*?)\n\};", text, re.DOTALL).group(1)
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL)
    fields = [re.split(r"[\s*]+", declaration.strip())[-1] for declaration in body.split(";")
              if declaration.strip()]
    return [field for field in fields if not field.startswith("given[")]


def check_fields(source, program):
    declared, listed = set(fields_of_struct(source)), set(output_of(program, "FIELDS"))
    return ([f"struct settings has {field}, which has no row in settings_table[]"
             for field in sorted(declared - listed)] +
            [f"settings_table[] has a row for {field}, which struct settings lacks"
             for field in sorted(listed - declared)])


def check_readme(readme, program, update):
    text = readme.read_text(encoding="utf-8")
    complaints = []
    commands = []

    def renew(match):
        command = match.group(2)
        commands.append(command)
        expected = HEADER + output_of(program, command)
        found = [line for line in match.group(3).splitlines() if line.strip()]
        complaints.extend(f"README.md, options of {command}: this line is missing: {line}"
                          for line in expected if line not in found)
        complaints.extend(f"README.md, options of {command}: this line is wrong: {line}"
                          for line in found if line not in expected)
        if not complaints and found != expected:
            complaints.append(f"README.md, options of {command}: the lines are not in the order of the program")
        return match.group(1) + "\n" + "\n".join(expected) + "\n\n" + match.group(4)

    renewed = TABLE.sub(renew, text)
    if "train" not in commands:
        return ["README.md has no table between <!-- options: train --> and <!-- end of options -->"]
    if update:
        readme.write_text(renewed, encoding="utf-8")
        return []
    return complaints


def main():
    arguments = [word for word in sys.argv[1:] if word != "--update"]
    if len(arguments) != 2:
        sys.exit(__doc__)
    source, program = pathlib.Path(arguments[0]), arguments[1]
    complaints = check_fields(source, program)
    readme = source / "README.md"
    if readme.is_file():
        complaints += check_readme(readme, program, "--update" in sys.argv)
    else:
        print("there is no README.md to compare with")
    for complaint in complaints:
        print(complaint)
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
