"""The tables of docs/capacity.md: how many processors for how many requests, and what a million of them costs.

`python3 xtask/src/deploy/cost.py` prints them, `--write` puts them into the page; `cargo xtask verify-deploy docs` compares. Measured figures
come from docs/benchmarks.md, prices of models from crates/bedrock/prices.toml, prices of AWS from PRICES, each with where it was read.
"""

import math
import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/capacity.md"

# US dollars, us-east-1, Linux, on demand: name -> (price, per what, where it was read). AWS' own pages fill their tables in by script and
# could not be read as text; they are https://aws.amazon.com/{fargate,lambda,ec2,elasticloadbalancing}/pricing/.
READ = "22 November 2026"
PRICES = {
    "fargate_arm_vcpu": (0.03238, "vCPU-hour, Fargate ARM64", "https://www.vantage.sh/blog/fargate-pricing"),
    "fargate_arm_gb": (0.00356, "GB-hour, Fargate ARM64", "https://www.vantage.sh/blog/fargate-pricing"),
    "fargate_x86_vcpu": (0.04048, "vCPU-hour, Fargate x86", "https://www.vantage.sh/blog/fargate-pricing"),
    "fargate_x86_gb": (0.004445, "GB-hour, Fargate x86", "https://www.vantage.sh/blog/fargate-pricing"),
    "m7g_large": (
        0.0816,
        "hour of m7g.large (2 vCPU, 8 GiB, Graviton3)",
        "https://www.factualminds.com/blog/amazon-ec2-on-demand-pricing-instance-families-2026/",
    ),
    "lambda_request": (
        0.20,
        "million requests, Lambda",
        "https://raw.githubusercontent.com/api-evangelist/aws-lambda/refs/heads/main/plans/aws-lambda-plans-pricing.yml",
    ),
    "lambda_gb_s": (
        0.0000133334,
        "GB-second, Lambda arm64, the first tier",
        "https://app.unpkg.com/artillery@2.0.28/files/lib/platform/aws-lambda/prices.js",
    ),
    "alb_hour": (0.0225, "hour, Application Load Balancer", "https://cloud-horizons.com/blog/alb-the-line-item-nobody-watches/"),
    "alb_lcu": (
        0.008,
        "LCU-hour; one LCU is 1 GB an hour",
        "https://cloud-horizons.com/blog/alb-the-line-item-nobody-watches/",
    ),
}

# What is assumed, and yours to change.
BUSY = 0.6  # of a processor, at the busiest: the rest is for bursts and for a zone that is gone
LEAST = 2  # processors, so that one may go
HOURS = 730  # of a month
ENVIRONMENT = "stage"  # of deploy/ecs: two tasks of each service at least
INSTANCES = 2  # m7g.large, one process each
GB_PER_MILLION = 8  # through the load balancer: 8 kB for request and answer together
TOKENS_IN, TOKENS_OUT = 1000, 300  # of one request, for the comparison with what Bedrock asks
# A team, for the example of a size. Nothing of this was measured: count yours (`outcrop usage report`) after a week, and put it in.
PEOPLE = 200
AT_ONCE = 0.5  # of them, in the busiest minute
CALLS_A_MINUTE = 6  # of one who is at it: assistants in editors call several times for one question
SECONDS = 15  # of an answer, most of which the model thinks or streams
TEAM_IN, TEAM_OUT = 8000, 500  # tokens of one call
CALLS_A_DAY, DAYS = 300, 21  # of one person, of a month
MODELS = ("amazon.nova-micro-v1:0", "amazon.nova-lite-v1:0", "anthropic.claude-haiku-4-5-20251001-v1:0")
# Deltas of a stream of docs/benchmarks.md, of a token each.
MEASURED_DELTAS = 100


def price(name: str) -> float:
    return PRICES[name][0]


def measured() -> dict[str, tuple[int, int]]:
    """CPU microseconds of a whole answer and of a stream of 100 deltas, by system."""
    text = (ROOT / "docs/benchmarks.md").read_text()
    found = {}
    for name in ("one process", "apart"):
        row = re.search(rf"^\| Outcrop, {name} \| \d+ \| (\d+) \| \d+ \| (\d+) \|", text, re.MULTILINE)
        if not row:
            raise AssertionError(f"docs/benchmarks.md has no row of Outcrop, {name}")
        found[name] = (int(row[1]), int(row[2]))
    return found


def tasks() -> tuple[float, float]:
    """vCPU and GB of the fewest tasks that deploy/ecs keeps."""
    sizes, numbers = ((ROOT / f"deploy/ecs/{it}.yaml").read_text() for it in ("tasks", "services"))
    size = dict(re.findall(r'(\w+): "(\d+)"', re.search(rf"^    {ENVIRONMENT}: \{{(.*)\}}", sizes, re.MULTILINE)[1]))
    least = int(re.search(rf"^    {ENVIRONMENT}: \{{.*\bMin: (\d+)", numbers, re.MULTILINE)[1])
    vcpu = (3 * int(size["Cpu"]) + int(size["InferenceCpu"])) / 1024
    memory = (3 * int(size["Memory"]) + int(size["InferenceMemory"])) / 1024
    return least * vcpu, least * memory


def lambda_gb() -> float:
    """Memory of the function of deploy/lambda."""
    template = (ROOT / "deploy/lambda/zero-cost.yaml").read_text()
    return int(re.search(r"^  MemoryMb: \{ Type: Number, Default: (\d+)", template, re.MULTILINE)[1]) / 1024


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def capacity() -> str:
    """Processors for a rate: its busy time, with room to spare."""
    cpu = measured()
    columns = [("one process", 0), ("apart", 0), ("one process", 1), ("apart", 1)]
    head = ["requests/s", "answers, one process", "answers, apart", "streams, one process", "streams, apart"]
    rows = []
    for rate in (100, 1_000, 10_000):
        need = [max(LEAST, math.ceil(rate * cpu[system][kind] / 1e6 / BUSY)) for system, kind in columns]
        rows.append([f"{rate:,}", *map(str, need)])
    return table(head, rows)


def held() -> float:
    """MiB that an open call holds at most: what one process took for 64 at a time, over what it takes without any."""
    text = (ROOT / "docs/benchmarks.md").read_text()
    row = re.search(r"^\| Outcrop, one process \|.*\| ([\d.]+) / ([\d.]+) \| \d+ \|$", text, re.MULTILINE)
    chats = re.search(r"not streamed, (\d+) connections", text)
    if not row or not chats:
        raise AssertionError("docs/benchmarks.md tells no memory of Outcrop, one process, or of how many calls")
    return (float(row[2]) - float(row[1])) / int(chats[1])


def team() -> str:
    """From people to sizes, line by line."""
    rate = PEOPLE * AT_ONCE * CALLS_A_MINUTE / 60
    calls = PEOPLE * CALLS_A_DAY * DAYS
    stream = measured()["apart"][1]
    processors = rate * stream * TEAM_OUT / MEASURED_DELTAS / 1e6 / BUSY
    rows = [
        ["people; at it in the busiest minute", f"{PEOPLE}; {PEOPLE * AT_ONCE:.0f}", "assumed"],
        ["requests/s at the busiest", f"{rate:.0f}", f"× {CALLS_A_MINUTE} calls a minute, assumed"],
        ["calls open at once", f"{rate * SECONDS:.0f}", f"× {SECONDS} s an answer, assumed"],
        ["processors", f"{processors:.3f}", f"× {stream} µs per stream of {MEASURED_DELTAS} deltas × {TEAM_OUT / MEASURED_DELTAS:g}, for {TEAM_OUT} of them ÷ {BUSY}; so the least there can be: {LEAST}"],
        ["memory for open calls, MiB", f"{rate * SECONDS * held():.0f}", f"× {held():.2f} MiB, and the body of each besides"],
        ["requests a minute of Bedrock", f"{rate * 60:,.0f}", "the quota to ask for, over all models and regions of a route"],
        ["tokens a minute of Bedrock", f"{rate * 60 * (TEAM_IN + TEAM_OUT):,.0f}", f"× {TEAM_IN:,} in and {TEAM_OUT} out, assumed"],
        ["calls and ledger rows a month", f"{calls:,}", f"{CALLS_A_DAY} a person and day, {DAYS} days, assumed"],
    ]
    for name, cost in asked(calls, TEAM_IN, TEAM_OUT):
        rows.append([f"a month of `{name}`, USD", f"{cost:,.0f}", "without kept prompts and answers"])
    rows.append([f"a month of the tasks of `{ENVIRONMENT}`, USD", f"{all_the_time():,.0f}", "Fargate ARM64 and load balancer, the least there are"])
    return table(["", "", "how"], rows).replace("--: | --: |", "--: | --- |")


def standing() -> str:
    """What runs all the time and has no price here: how many of each."""
    sizes = (ROOT / "deploy/cloudformation/main.yaml").read_text().split("  Sizes:\n", 1)[1]
    endpoints = (ROOT / "deploy/cloudformation/endpoints.yaml").read_text().count("VpcEndpointType: Interface")
    found = {}
    for name in ("dev", "stage", "prod"):
        body = re.search(rf"^    {name}:\n((?:      \w+: .*\n)+)", sizes, re.MULTILINE)[1]
        found[name] = dict(re.findall(r'^      (\w+): "?([^"\n]+)"?$', body, re.MULTILINE))
    rows = {
        "NAT gateways": lambda it: it["Zones"] if it["NatGateways"] == "each-zone" else "1",
        "interface endpoints, one for each zone": lambda it: f"{endpoints} × {it['Zones']}" if it["Interfaces"] == "true" else "0",
        "database, hours of": lambda it: f"{1 + (it['MultiAz'] == 'true') + (it['Replica'] == 'true')} × `{it['DatabaseClass']}`",
        "its storage at the start, GiB": lambda it: f"{1 + (it['MultiAz'] == 'true') + (it['Replica'] == 'true')} × {it['DatabaseStorageGiB']}",
        "Redis, hours of": lambda it: f"{int(it['CacheNodes']) * (1 + (it['AnswerCache'] == 'true'))} × `{it['CacheNodeType']}`",
    }
    lines = [[name, *[of(found[it]) for it in found]] for name, of in rows.items()]
    return table(["", *found], lines)


def monthly(hourly_least: float, hourly_vcpu: float, micros: int, millions: float) -> float:
    """Dollars a month for so many millions of requests, load balancer included, evenly over the month."""
    vcpu_hours = millions * micros / 3600 / BUSY
    balancer = price("alb_hour") * HOURS + millions * GB_PER_MILLION * price("alb_lcu")
    return max(hourly_least * HOURS, vcpu_hours * hourly_vcpu) + balancer


def per_million() -> str:
    cpu = measured()
    volumes = (1, 10, 100, 1_000)
    rows = []
    for name, of in (("ECS on Fargate, ARM64", "arm"), ("ECS on Fargate, x86", "x86")):
        (vcpu, memory), dear, per_gb = tasks(), price(f"fargate_{of}_vcpu"), price(f"fargate_{of}_gb")
        least = vcpu * dear + memory * per_gb
        per_vcpu = least / vcpu
        rows.append([name, *[f"{monthly(least, per_vcpu, cpu['apart'][0], v) / v:.2f}" for v in volumes]])
    least, per_vcpu = INSTANCES * price("m7g_large"), price("m7g_large") / 2
    rows.append(
        ["EC2, two m7g.large", *[f"{monthly(least, per_vcpu, cpu['one process'][0], v) / v:.2f}" for v in volumes]]
    )
    for seconds in (1, 5, 20):
        cost = price("lambda_request") + lambda_gb() * seconds * 1e6 * price("lambda_gb_s")
        rows.append([f"Lambda arm64, function URL, answers of {seconds} s", *[f"{cost:.2f}"] * len(volumes)])
    return table(["USD per million", *[f"{v:,} million a month" for v in volumes]], rows)


def all_the_time() -> float:
    """A month of the fewest ARM64 tasks, behind their load balancer."""
    vcpu, memory = tasks()
    return (vcpu * price("fargate_arm_vcpu") + memory * price("fargate_arm_gb") + price("alb_hour")) * HOURS


def even() -> str:
    """The volume at which Lambda costs as much as the ARM64 tasks that run all the time."""
    rows = []
    for seconds in (1, 5, 20):
        each = price("lambda_request") + lambda_gb() * seconds * 1e6 * price("lambda_gb_s")
        rows.append([f"{seconds} s", f"{all_the_time() / each:.1f}"])
    return table(["seconds of an answer", "million requests a month"], rows)


def asked(calls: int, tokens_in: int, tokens_out: int) -> list[tuple[str, float]]:
    """What each of the models asks for so many calls."""
    listed = tomllib.loads((ROOT / "crates/bedrock/prices.toml").read_text())["price"]
    found = []
    for model in MODELS:
        row = next(it for it in listed if model in it["models"] and "scope" not in it)
        found.append((model, calls * (float(row["input"]) * tokens_in + float(row["output"]) * tokens_out) / 1e6))
    return found


def bedrock() -> str:
    """What the models ask for the same million."""
    rows = [[f"`{model}`", f"{cost:,.0f}"] for model, cost in asked(1_000_000, TOKENS_IN, TOKENS_OUT)]
    return table(["model", "USD per million"], rows)


def sources() -> str:
    rows = [[per, f"{value:.10f}".rstrip("0"), f"<{where}>"] for value, per, where in PRICES.values()]
    return table(["price of a", "USD", f"read on {READ} in"], rows)


def tables() -> dict[str, str]:
    return {
        "capacity": capacity(), "team": team(), "cost": per_million(), "even": even(), "standing": standing(), "bedrock": bedrock(),
        "prices": sources(),
    }  # fmt: skip


def main() -> None:
    text = PAGE.read_text()
    for name, lines in tables().items():
        print(f"{name}\n\n{lines}\n")
        text = re.sub(rf"(<!-- {name} -->\n\n).*?<!-- end -->", lambda m, it=lines: f"{m[1]}{it}\n\n<!-- end -->", text, flags=re.DOTALL)
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
