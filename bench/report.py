"""report - results as tables, as JSON lines and as plots."""
import json
import os
import shutil
import subprocess

import growth
import machine

DOCUMENT = "docs/BENCHMARKS.md"
PLOTS = "docs/bench"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"


def number(value):
    """Three digits that matter, with the unit's letter: 2.27 M, 433 k, 16.4."""
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def table(titles, rows):
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def plain(titles, rows):
    """The same for a terminal."""
    widths = [max(len(row[i]) for row in [titles] + rows) for i in range(len(titles))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
            for row in [titles] + rows]


def cells(scenario, rows):
    titles = ["peer", f"{scenario.figure} ({scenario.unit})", "spread", "x muster"]
    titles += [title for _, title in scenario.others]
    if scenario.told:
        titles += ["acked", "how"]
    out = []
    for row in rows:
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
        out.append([row["peer"], number(row[scenario.figure]), f"{row['spread'] * 100:.0f} %",
                    ratio] + [number(row.get(name, 0)) for name, _ in scenario.others])
        if scenario.told:
            out[-1] += ["yes" if row["acknowledged"] else "no", row["how"]]
    return titles, out


def plot(scenario, rows, path):
    """Bars, one for each peer, best first."""
    order = sorted(rows, key=lambda row: row[scenario.figure], reverse=scenario.more_is_better)
    data = "\n".join(f"\"{row['peer']}\" {row[scenario.figure]:.6g}" for row in order)
    better = "more is better" if scenario.more_is_better else "less is better"
    # Peers that differ a hundredfold are all to be seen.
    script = f"""set terminal svg size 760,420 font 'sans,11' background '#ffffff'
set output '{path}'
set title "{scenario.key}. {scenario.title}: {scenario.unit}, {better}" noenhanced
set style fill solid 0.8 noborder
set boxwidth 0.7
{"set logscale y" if scenario.log else "set yrange [0:*]"}
set grid ytics lc '#cccccc'
set format y '%.0s%c'
set xtics rotate by -35 noenhanced
set bmargin 7
unset key
$data << EOD
{data}
EOD
plot $data using 0:2:xtic(1) with boxes lc '#33658a'
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def section(runner, scenario, rows):
    lines = [f"### {scenario.key}. {scenario.title}", "", scenario.what, ""]
    lines += table(*cells(scenario, rows))
    lines += ["", f"![{scenario.title}](bench/scenario-{scenario.key}.svg)", ""]
    for (key, peer), why in runner.skipped.items():
        if key == scenario.key:
            lines.append(f"Not run: {peer}: {why}.")
    return lines + [""]


def publish(folder, text, plots):
    with open(DOCUMENT) as document:
        old = document.read()
    before, rest = old.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    with open(DOCUMENT, "w") as document:
        document.write(before + BEGIN + "\n" + text + END + after)
    os.makedirs(PLOTS, exist_ok=True)
    for name in plots + ["summary.jsonl"]:
        shutil.copy(os.path.join(folder, name), os.path.join(PLOTS, name))


def write(runner, chosen, grown, folder, to_publish):
    lines, plots, summary = machine.describe(runner.rounds), [], []
    can_plot = shutil.which("gnuplot") is not None
    for scenario in chosen:
        rows = runner.summary(scenario)
        summary += rows
        lines += section(runner, scenario, rows)
        print(f"\n{scenario.key}. {scenario.title}. {scenario.what}")
        print("\n".join(plain(*cells(scenario, rows))))
        if can_plot and rows:
            name = f"scenario-{scenario.key}.svg"
            plot(scenario, rows, os.path.join(folder, name))
            plots.append(name)
    if grown:
        more, names = growth.report(grown, folder, can_plot)
        lines += more
        plots += names
        summary += grown
    with open(os.path.join(folder, "results.jsonl"), "w") as out:
        out.writelines(json.dumps(row) + "\n" for row in runner.results)
    with open(os.path.join(folder, "summary.jsonl"), "w") as out:
        out.writelines(json.dumps(row) + "\n" for row in summary)
    text = "\n".join(lines) + "\n"
    with open(os.path.join(folder, "tables.md"), "w") as out:
        out.write(text)
    print(f"\nIn {folder}: results.jsonl, summary.jsonl, tables.md" +
          (", plots" if plots else "; no plots: gnuplot is not installed"))
    if to_publish:
        publish(folder, text, plots)
