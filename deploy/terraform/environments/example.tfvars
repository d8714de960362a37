# What is yours. Copy it for each environment, e.g. to dev.mine.tfvars; it holds no secrets.

account_id     = "123456789012"
region         = "eu-central-1"
domain_name    = "ai.example.com"
hosted_zone_id = "Z0123456789ABCDEFGHIJ"
image_registry = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
image_tag      = "0.1.0"

# Models of the region and of the others that its inference profiles (eu.…) lead to.
bedrock_regions = ["eu-central-1"]
profile_regions = ["eu-north-1", "eu-west-1", "eu-west-3"]

alarm_emails       = ["platform@example.com"]
monthly_budget_usd = 1000

# Of the whole account: in one environment alone.
anomaly_usd = 50
