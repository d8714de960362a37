# --- Which platform, and where.

variable "environment" {
  description = "Which platform this is; a part of all names."
  type        = string

  validation {
    condition     = contains(["dev", "stage", "prod"], var.environment)
    error_message = "environment must be dev, stage or prod."
  }
}

variable "account_id" {
  description = "The AWS account that this environment lives in; any other is refused."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id has twelve digits."
  }
}

variable "region" {
  description = "The AWS region."
  type        = string
}

variable "tags" {
  description = "Further tags of everything."
  type        = map(string)
  default     = {}
}

variable "compute" {
  description = "ecs runs the services here; eks leaves them, load balancer and name to the Helm chart."
  type        = string
  default     = "ecs"

  validation {
    condition     = contains(["ecs", "eks"], var.compute)
    error_message = "compute must be ecs or eks."
  }

  validation {
    condition     = var.compute == "ecs" || var.eks_cluster_name != "" || var.eks_oidc_provider_arn != ""
    error_message = "With eks the roles need somebody who takes them: eks_cluster_name (Pod Identity) or eks_oidc_provider_arn (IRSA)."
  }
}

# --- The way in.

variable "domain_name" {
  description = "The name that clients use."
  type        = string
}

variable "hosted_zone_id" {
  description = "Its public zone in Route 53."
  type        = string

  validation {
    condition     = can(regex("^Z[A-Z0-9]+$", var.hosted_zone_id))
    error_message = "hosted_zone_id must be an id such as Z0123456789ABCDEFGHIJ."
  }
}

variable "client_cidrs" {
  description = "Networks that clients come from."
  type        = list(string)
  default     = ["0.0.0.0/0"]
}

variable "test_cidrs" {
  description = "Networks that may reach a version that clients do not reach yet (port 8443), as the load balancer sees them."
  type        = list(string)
  default     = []
}

variable "health_check_prefix_list" {
  description = "With failover and narrow client_cidrs: id of the prefix list com.amazonaws.REGION.route53-healthchecks."
  type        = string
  default     = ""

  validation {
    condition     = var.failover == "none" || contains(var.client_cidrs, "0.0.0.0/0") || var.health_check_prefix_list != ""
    error_message = "Failover needs a load balancer that Route 53's health checks reach: narrow client_cidrs need health_check_prefix_list."
  }
}

variable "firewall" {
  description = "Whether a web application firewall stands before the load balancer."
  type        = bool
}

variable "requests_per_address" {
  description = "Most requests of one address in five minutes, where there is a firewall."
  type        = number
  default     = 10000
}

# --- Network.

variable "cidr" {
  description = "Addresses of the VPC. No two networks that are joined may share them."
  type        = string
  default     = "10.40.0.0/16"
}

variable "zones" {
  description = "Availability zones: 2 or 3."
  type        = number
}

variable "nat_gateways" {
  description = "none, one, or each-zone: ways out to the internet (webhooks, linked media, outside issuers of tokens)."
  type        = string
}

variable "interfaces" {
  description = "Whether there are interface endpoints of AWS services, which cost by the hour."
  type        = bool
}

# --- Data.

variable "database_version" {
  description = "Version of Postgres."
  type        = string
  default     = "17"

  validation {
    condition     = can(regex("^17(\\.[0-9]+)?$", var.database_version))
    error_message = "database_version must be 17, or one of its minor versions."
  }
}

variable "database_class" {
  description = "Instance class of Postgres, on Graviton."
  type        = string
}

variable "database_storage_gib" {
  description = "Storage of Postgres at the start, GiB; it grows by itself."
  type        = number
}

variable "multi_az" {
  description = "Whether Postgres has a standby in another zone."
  type        = bool
}

variable "replica" {
  description = "Whether Postgres has a replica for reports."
  type        = bool
}

variable "backup_days" {
  description = "Days to any second of which Postgres can be restored."
  type        = number
}

variable "cache_node_type" {
  description = "Node type of Redis, on Graviton."
  type        = string
}

variable "cache_nodes" {
  description = "Nodes of each Redis."
  type        = number
}

variable "answer_cache" {
  description = "Whether kept answers have a Redis of their own."
  type        = bool
}

variable "file_days" {
  description = "Days that replaced and deleted files can be brought back."
  type        = number
}

variable "protected" {
  description = "Whether database and load balancer refuse to be deleted."
  type        = bool
}

variable "secret_versions" {
  description = "Raise the number of internal-secret or cache-password to have it made anew."
  type        = map(number)
  default     = {}
}

# --- A second region.

variable "failover" {
  description = "none, primary or secondary: what this region is. withdrawn: no record of the name, on the way from one to another."
  type        = string
  default     = "none"
}

variable "replica_region" {
  description = "In the first region: the second, which gets copies of key, secrets, files and backups; none if empty."
  type        = string
  default     = ""

  validation {
    condition     = var.replica_region != var.region
    error_message = "replica_region must be another region."
  }
}

variable "primary" {
  description = "In the second region: what the first one's outputs `for_second_region` say."
  type        = object({ key_arn = string, database_arn = string, files_bucket = string })
  default     = null

  validation {
    condition     = var.primary == null || var.replica_region == ""
    error_message = "The second region has no copy of its own."
  }
}

# --- Models.

variable "bedrock_regions" {
  description = "Regions that models are called in, the first first; this region alone if empty."
  type        = list(string)
  default     = []
}

variable "profile_regions" {
  description = "Further regions that inference profiles lead to: models must be allowed in them too."
  type        = list(string)
  default     = []
}

variable "models" {
  description = "Foundation models that may be called: ids, with * for any part."
  type        = list(string)
  default     = ["anthropic.claude-*", "amazon.*", "cohere.*"]
}

variable "profiles" {
  description = "Inference profiles that may be called: ids, with * for any part."
  type        = list(string)
  default     = ["*"]
}

variable "guardrail_arns" {
  description = "Guardrails that policies and routes name."
  type        = list(string)
  default     = []
}

variable "account_role_arns" {
  description = "Roles in models.accounts."
  type        = list(string)
  default     = []
}

variable "media_arns" {
  description = "Objects that media.s3_allow names, as ARNs."
  type        = list(string)
  default     = []
}

variable "more_settings" {
  description = "Further settings of all services, by their names in the environment (OUTCROP__MODELS__ACCOUNTS, …). They lie in the state: no secrets."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.more_settings) : startswith(name, "OUTCROP__")])
    error_message = "more_settings are settings of docs/configuration.md, by their names in the environment."
  }
}

variable "more_secret_arns" {
  description = "ARNs of further secrets that settings name (secretsmanager://…), for each service that reads them; under AWS's key or the platform's."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for it in keys(var.more_secret_arns) : contains(["gateway", "auth", "inference", "job-worker"], it)])
    error_message = "more_secret_arns are those of gateway, auth, inference or job-worker."
  }
}

variable "usage_export_url" {
  description = "Bucket and prefix of yours that usage is written to besides (s3://bucket/prefix); nowhere if empty."
  type        = string
  default     = ""

  validation {
    condition     = var.usage_export_url == "" || can(regex("^s3://[a-z0-9.-]+/.+$", var.usage_export_url))
    error_message = "usage_export_url must be s3://bucket/prefix."
  }
}

variable "bedrock_batch" {
  description = "Whether Bedrock's batch inference is used."
  type        = bool
  default     = true
}

# --- Services on ECS.

variable "started" {
  description = "Whether the services are there; false until the database has its tables."
  type        = bool
  default     = true
}

variable "image_registry" {
  description = "Registry of the images, without outcrop/<name>."
  type        = string
}

variable "image_tag" {
  description = "Version of the images."
  type        = string
}

variable "sizes" {
  description = "Of each service processor (1024 is one), memory (MiB) and how many tasks there are at least and at most."
  type        = map(object({ cpu = number, memory = number, least = number, most = number }))
}

variable "strategy" {
  description = "How a new gateway comes in: ROLLING, task by task; BLUE_GREEN, a whole set beside the old one; CANARY, such a set with a twentieth of the clients first."
  type        = string
  default     = "BLUE_GREEN"
}

variable "bake_minutes" {
  description = "Minutes that the old set stays after clients have moved, to go back to at once."
  type        = number
  default     = 10
}

variable "rollback_on_alarm" {
  description = "Whether the alarm ErrorRate takes a deployment of the gateway back; false for the very first, when nobody calls yet."
  type        = bool
  default     = true
}

variable "workers_not_on_spot" {
  description = "Job workers that do not stand on Spot."
  type        = number
}

variable "requests_per_gateway" {
  description = "Requests a minute of one gateway, from which on there are more."
  type        = number
  default     = 6000
}

variable "jobs_per_worker" {
  description = "Jobs that are due for each worker, from which on there are more."
  type        = number
  default     = 8
}

variable "collector_image" {
  description = "Image of an OpenTelemetry collector beside each service; none if empty."
  type        = string
  default     = ""
}

# --- Services on EKS.

variable "eks_cluster_name" {
  description = "Cluster whose pods get the roles by Pod Identity; none if empty."
  type        = string
  default     = ""
}

variable "eks_oidc_provider_arn" {
  description = "OIDC provider of the cluster, for roles by IRSA; none if empty."
  type        = string
  default     = ""

  validation {
    condition     = var.eks_oidc_provider_arn == "" || can(regex(":oidc-provider/", var.eks_oidc_provider_arn))
    error_message = "eks_oidc_provider_arn must be the ARN of an OIDC provider."
  }
}

variable "eks_namespace" {
  description = "Namespace of the Helm release."
  type        = string
  default     = "outcrop"
}

variable "eks_service_account_prefix" {
  description = "What names of the chart's service accounts begin with: the release's name and a hyphen."
  type        = string
  default     = "outcrop-"
}

variable "eks_security_group_ids" {
  description = "Security groups of nodes or pods, which reach data and endpoints."
  type        = list(string)
  default     = []
}

# --- What looks on.

variable "log_days" {
  description = "Days that logs are kept."
  type        = number

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_days)
    error_message = "log_days must be one of the numbers that CloudWatch knows."
  }
}

variable "alarm_emails" {
  description = "Who is told of alarms and costs."
  type        = list(string)
  default     = []
}

variable "monthly_budget_usd" {
  description = "What the environment may cost in a month, in both regions; no budget if 0. The first region has it."
  type        = number
  default     = 0
}

variable "anomaly_usd" {
  description = "From which amount on an unusual cost is told; set it in one environment of the account."
  type        = number
  default     = 0
}
