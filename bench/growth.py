"""growth - what a message costs beside much else: tables and plots of muster as its state grows."""
import json
import os
import statistics
import subprocess
import sys

import report as tables
import scenarios
import servers

MESSAGES = 50000
BARRIER = 1000
LEAST = 10  # below it the first row would measure something else: one queue is one frame


def one(runner, what, amount, messages):
    with servers.Muster(runner.build) as server:
        done = subprocess.run([os.path.join(runner.build, "bench", "scale"), str(server.port),
                               str(server.server_pid()), what, str(amount), str(messages)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=600, check=False)
    if done.returncode != 0:
        raise servers.Cannot(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout)


def amounts(growth):
    return sorted({max(LEAST, growth.most // part) for part in growth.steps})


def plan():
    work = [(g.what, n, MESSAGES) for g in scenarios.GROWTH for n in amounts(g)]
    return work + [("barrier", n, 10) for n in (BARRIER // 10, BARRIER)]


def run(runner):
    """Rounds are interleaved here too. A row for each amount, of medians."""
    results = {}
    for number in range(1, runner.rounds + 1):
        for what, amount, messages in plan():
            try:
                row = one(runner, what, amount, messages)
            except (servers.Cannot, subprocess.TimeoutExpired) as why:
                print(f"  scale  {amount} {what}: skipped: {why}", file=sys.stderr)
                continue
            results.setdefault((what, amount), []).append(row)
            print(f"  scale  {amount} {what}, round {number}: {row['each_us']:.3g} us, "
                  f"server {row['cpu_us']:.3g} us", file=sys.stderr)
    return [{"scale": what, "amount": amount,
             "each_us": statistics.median(r["each_us"] for r in rows),
             "cpu_us": statistics.median(r["cpu_us"] for r in rows)}
            for (what, amount), rows in results.items()]


def report(grown, folder, can_plot):
    """(lines of the document, names of the plots)"""
    lines = ["### Scaling", "", "Put, get and done of one client in batches of 250, beside much "
             "else: time and the server's processor time for each message. The last column is to "
             "the first row.", ""]
    plots = []
    for growth in scenarios.GROWTH:
        rows = [r for r in grown if r["scale"] == growth.what]
        if not rows:
            continue
        titles = [growth.title, "us/msg", "server us/msg", "x the first"]
        cells = [[f"{r['amount']:,}", f"{r['each_us']:.3g}", f"{r['cpu_us']:.3g}",
                  f"{r['cpu_us'] / rows[0]['cpu_us']:.2f}"] for r in rows]
        lines += tables.table(titles, cells) + [""]
        print("\n" + "\n".join(tables.plain(titles, cells)))
    barrier = [r for r in grown if r["scale"] == "barrier"]
    if barrier:
        titles = ["parties", "us from the last arrival until all are free"]
        cells = [[f"{r['amount']:,}", f"{r['each_us']:.3g}"] for r in barrier]
        lines += ["A barrier, all parties in one process:", ""] + tables.table(titles, cells) + [""]
        print("\n" + "\n".join(tables.plain(titles, cells)))
    if can_plot and any(r["scale"] != "barrier" for r in grown):
        plot(grown, os.path.join(folder, "scale.svg"))
        plots.append("scale.svg")
        lines += ["![Scaling](bench/scale.svg)", ""]
    return lines, plots


def plot(grown, path):
    script = [f"set terminal svg size 760,420 font 'sans,11' background '#ffffff'",
              f"set output '{path}'", "set logscale x", "set yrange [0:*]", "set key outside",
              "set format x '%.0s%c'", "set grid lc '#cccccc'",
              "set title 'Server processor time for a message, to that at a thousandth'",
              "set xlabel 'amount'"]
    drawn = []
    for growth in scenarios.GROWTH:
        rows = [r for r in grown if r["scale"] == growth.what]
        if rows:
            script.append(f"${growth.what} << EOD")
            script += [f"{r['amount']} {r['cpu_us'] / rows[0]['cpu_us']:.4g}" for r in rows]
            script.append("EOD")
            drawn.append(f"${growth.what} with linespoints lw 2 title '{growth.what}'")
    script.append("plot " + ", ".join(drawn) + ", 1.5 dt 2 lc '#888888' title 'bound'")
    subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=True)
