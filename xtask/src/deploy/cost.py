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
MODELS = ("amazon.nova-micro-v1:0", "amazon.nova-lite-v1:0", "anthropic.claude-haiku-4-5-20251001-v1:0")


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


def even() -> str:
    """The volume at which Lambda costs as much as the ARM64 tasks that run all the time."""
    vcpu, memory = tasks()
    least = (vcpu * price("fargate_arm_vcpu") + memory * price("fargate_arm_gb") + price("alb_hour")) * HOURS
    rows = []
    for seconds in (1, 5, 20):
        each = price("lambda_request") + lambda_gb() * seconds * 1e6 * price("lambda_gb_s")
        rows.append([f"{seconds} s", f"{least / each:.1f}"])
    return table(["seconds of an answer", "million requests a month"], rows)


def bedrock() -> str:
    """What the models ask for the same million."""
    listed = tomllib.loads((ROOT / "crates/bedrock/prices.toml").read_text())["price"]
    rows = []
    for model in MODELS:
        row = next(it for it in listed if model in it["models"] and "scope" not in it)
        cost = float(row["input"]) * TOKENS_IN + float(row["output"]) * TOKENS_OUT
        rows.append([f"`{model}`", f"{cost:,.0f}"])
    return table(["model", "USD per million"], rows)


def sources() -> str:
    rows = [[per, f"{value:.10f}".rstrip("0"), f"<{where}>"] for value, per, where in PRICES.values()]
    return table(["price of a", "USD", f"read on {READ} in"], rows)


def tables() -> dict[str, str]:
    return {"capacity": capacity(), "cost": per_million(), "even": even(), "bedrock": bedrock(), "prices": sources()}


def main() -> None:
    text = PAGE.read_text()
    for name, lines in tables().items():
        print(f"{name}\n\n{lines}\n")
        text = re.sub(rf"(<!-- {name} -->\n\n).*?<!-- end -->", lambda m, it=lines: f"{m[1]}{it}\n\n<!-- end -->", text, flags=re.DOTALL)
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
