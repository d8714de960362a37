terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.25"
    }
    # Its passwords can be ephemeral since 3.7: made during an apply, kept neither in the plan nor in the state.
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }
}
