# Terraform silently drops attributes that an object type does not have, even a boundary or a key. So likely mistakes
# are declared below, and a validation refuses them with the right name.
locals {
  misspelt = {
    targets = {
      host           = "hosts"
      zone           = "zone_id"
      prefix         = "key_prefix or path_prefix"
      path           = "path_prefix"
      scheme         = "schemes"
      tag            = "tags"
      header_variant = "header_variants"
      key            = "keys"
      delay          = "delay_seconds"
      environment    = "environment_id"
    }
    event_filters = { filter_prefix = "prefix", filter_suffix = "suffix" }
    cloudflare    = { rate = "requests_per_second", api_base_url = "api_url" }
    verify        = { enabled = "{} or null", after = "after_seconds", attempt = "attempts", samples = "sample" }
    queue = {
      kms_key_id        = "kms_key_arn"
      kms_master_key_id = "kms_key_arn"
      max_receives      = "max_receive_count"
      batch_window      = "batch_window_seconds"
    }
    lambda = {
      memory                = "memory_size"
      timeout_seconds       = "timeout"
      retention_days        = "log_retention_days"
      log_retention_in_days = "log_retention_days"
    }
    role = {
      permission_boundary      = "permissions_boundary"
      permissions_boundary_arn = "permissions_boundary"
      role_arn                 = "arn"
    }
    alarms = { alarm_actions = "actions", action = "actions", ok_action = "ok_actions" }
  }

  # Keys of the alarms in alarms.tf.
  alarm_keys = [
    "dead_letters", "oldest_message", "errors", "throttles", "misconfigured", "undelivered", "lag", "stale",
    "unverifiable",
  ]

  hostname = "^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
  key_arn  = "^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$"

  # What a glob must be, for the error messages of three inputs.
  glob_rule = join(" ", [
    "not empty, without a slash at its beginning or end, one glob per alternative instead of braces, ranges such as",
    "[a-z] in that order, [!a] for [^a], no backslashes.",
  ])

  # Smallest and largest value of inputs that are whole numbers.
  ranges = {
    verify = { after_seconds = [0, 900], attempts = [1, 5], sample = [0, 100] }
    queue = {
      batch_size           = [1, 10000]
      batch_window_seconds = [0, 300]
      max_concurrency      = [2, 1000]
      drain                = [0, 1000]
      max_receive_count    = [5, 1000] # with fewer a short outage parks messages
      retention_seconds    = [3600, 1209600]
    }
    lambda = { memory_size = [128, 32768], timeout = [15, 5400] } # a shorter time-out leaves no time to retry
  }

  log_retention_days = [ # that CloudWatch accepts
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
  ]
}

# ---- Required ----

variable "name" {
  description = <<-EOT
    Prefix of all resource names. Unique per account, because IAM roles are global: to use one name in two Regions,
    set `role.name`. If the name is taken in the Region, the apply fails before it changes a queue or a rule.
  EOT
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9_-]{0,59}$", var.name))
    error_message = "name must be 1 to 60 letters, digits, hyphens or underscores and begin with a letter or digit."
  }
}

variable "bucket" {
  description = <<-EOT
    Name of the bucket whose objects are served through Cloudflare. For a bucket in the same configuration use its
    attribute `bucket`, which is known at plan, not `id`. With `event_source = "s3"` this module owns the bucket's
    event notification.
  EOT
  type        = string
  nullable    = false

  validation {
    # Buckets created before March 2018 in us-east-1 may have capitals, underscores and 255 characters.
    condition = (
      can(regex("^[a-zA-Z0-9][a-zA-Z0-9._-]{1,253}[a-zA-Z0-9]$", var.bucket)) && !strcontains(var.bucket, "..")
    )
    error_message = "bucket must be the bucket's name (letters, digits, dots, hyphens, underscores), no ARN or URL."
  }

  validation {
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    condition = !can(regex("(-s3alias|--(ol|x|table)-s3|[.]mrap)$", var.bucket))
    error_message = join(" ", [
      "bucket is an access point's alias, or a directory or table bucket, for which S3 sends no events: use the name",
      "of a general purpose bucket.",
    ])
  }
}

variable "api_token_parameter" {
  description = <<-EOT
    Name or ARN of the SSM SecureString that holds the Cloudflare API token (permission Zone → Cache Purge → Purge;
    an account-owned token is recommended), or `/aws/reference/secretsmanager/NAME` for a Secrets Manager secret
    that contains only the token, not JSON. Terraform never reads it.
  EOT
  type        = string
  nullable    = false

  validation {
    # A secret's name may have more characters than a parameter's:
    # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
    condition = can(regex(join("", [
      "^(arn:[a-z-]+:ssm:[a-z0-9-]+:[0-9]{12}:parameter/|/)?",
      "(aws/reference/secretsmanager/[a-zA-Z0-9/_+=.@-]+|[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*)$",
    ]), var.api_token_parameter))
    error_message = join(" ", [
      "api_token_parameter must be the name or ARN of an SSM parameter, or /aws/reference/secretsmanager/NAME for a",
      "Secrets Manager secret, never the token itself.",
    ])
  }

  validation {
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
    condition = anytrue([
      can(regex("^(arn:[^/]+/|/)?aws/reference/secretsmanager/", var.api_token_parameter)),
      !can(regex("(?i)^((aws|ssm)[^/]*$|(arn:[^/]+/|/)?aws/)", var.api_token_parameter)),
    ])
    error_message = join(" ", [
      "api_token_parameter begins with aws or ssm, which no parameter of yours can: correct the name, which for a",
      "secret is /aws/reference/secretsmanager/NAME.",
    ])
  }

  validation {
    # https://developers.cloudflare.com/fundamentals/api/get-started/token-formats. Older tokens have 40 characters with
    # lower case, upper case and digits, which a parameter's name rarely has; Global API keys have 37 to 45 hex digits.
    condition = !can(regex("^(cf(k|ut|at|oat)_.+|[0-9a-f]{37,45})$", var.api_token_parameter)) && !alltrue([
      for part in ["^[a-zA-Z0-9_-]{40}$", "[a-z]", "[A-Z]", "[0-9]"] : can(regex(part, var.api_token_parameter))
    ])
    error_message = "api_token_parameter looks like an API token: store it in a SecureString and name that."
  }
}

variable "targets" {
  description = <<-EOT
    Where the bucket's objects are served: one entry per zone, several if paths or rules differ. Each key is purged
    by every entry that matches it. The limit is Lambda's 4 KB for environment variables: about 150 hosts in one
    zone, or 80 zones with one host each.
    - `zone_id`: ID of the zone (32 hex digits), not its name.
    - `hosts`: (Optional) hostnames in that zone. Defaults to the bucket's name.
    - `purge_by`: (Optional) `url`: every URL of the object, with `Vary` copies and resized images; `prefix`:
      everything whose URL begins with the object's URL, with any query string; `tag`: see `tags`; `host`: everything
      on the hosts; `everything`: the whole zone.
    - `keys`: (Optional) globs on the decoded key (`index.html`, `img/**`). The entry applies only to matching keys,
      and ignores `collapse_above`. Defaults to every key.
    - `key_prefix`: (Optional) only keys in this folder; it is removed from the key.
    - `path_prefix`: (Optional) folder put before the rest of the key.
    - `schemes`: (Optional) `https`, `http` or both. With Flexible SSL use both: Cloudflare's cache key contains the
      scheme used towards the origin.
    - `index_documents`: (Optional) names that are also served at their folder's URL: `a/index.html` at `/a/`.
    - `clean_urls`: (Optional) pages are also served without their extension: `a/index.html` at `/a`, `b.html` at `/b`.
    - `header_variants`: (Optional) request headers of copies that Cloudflare keeps separately, for each `Origin` or
      by a custom cache key: `[{ Origin = "https://www.example.com" }]`.
    - `tags`: (Optional) for `purge_by = "tag"`: templates of cache tags, with `{bucket}`, `{key}`, `{dir}`, `{name}`
      (with its extension), `{stem}` (without it) and `{ext}` (without the dot). S3 sends no tags: the output
      `cache_response_rules` has the rules that set them.
    - `related`: (Optional) further pages that depend on the object, as paths on the host: `["/", "/feed.xml",
      "/amp/{key}"]`, with the placeholders of `tags` (`{key}` and `{dir}` without `key_prefix`). They are purged by
      URL, whatever `purge_by` is, and not verified. A `*` at the end purges every path with that beginning
      (`"/tags/{dir}/*"`); on the Free plan Cloudflare allows 5 such requests a minute, with 100 paths each. A path
      with an empty placeholder is omitted for that key.
    - `delay_seconds`: (Optional) seconds from a change to its purge by this entry, at most 900: for pages that may be
      uploaded before their assets. Keys in a manual event are purged at once. An entry that shares paths with a
      delayed one ignores `collapse_above` too.
    - `environment_id`: (Optional) with zone versioning: ID of the environment to purge. Omit it for Production, which
      uses the zone's own endpoint (`everything` there empties all environments).
  EOT
  type = list(object({
    zone_id         = string
    hosts           = optional(list(string))
    purge_by        = optional(string, "url")
    key_prefix      = optional(string, "")
    path_prefix     = optional(string, "")
    schemes         = optional(list(string), ["https"])
    index_documents = optional(list(string), ["index.html"])
    clean_urls      = optional(bool, false)
    header_variants = optional(list(map(string)), [])
    tags            = optional(list(string), [])
    keys            = optional(list(string), [])
    related         = optional(list(string), [])
    delay_seconds   = optional(number, 0)
    environment_id  = optional(string)

    host           = optional(any)
    zone           = optional(any)
    prefix         = optional(any)
    path           = optional(any)
    scheme         = optional(any)
    tag            = optional(any)
    header_variant = optional(any)
    key            = optional(any)
    delay          = optional(any)
    environment    = optional(any)
  }))
  nullable = false

  validation {
    condition     = length(var.targets) > 0
    error_message = "targets must have at least one entry, the zone in which the bucket's objects are served."
  }

  validation {
    condition = alltrue([for target in var.targets : can(regex("^[0-9a-f]{32}$", target.zone_id))])
    error_message = join(" ", [
      "Each targets[*].zone_id must be the zone's ID, which has 32 hex digits in lower case (Cloudflare dashboard →",
      "Overview → API), not its name.",
    ])
  }

  validation {
    condition = alltrue([
      for target in var.targets : target.hosts == null ? true : length(target.hosts) > 0 && alltrue([
        for host in target.hosts : try(can(regex(local.hostname, host)) && length(host) <= 253, false)
      ]) if target != null
    ])
    error_message = join(" ", [
      "targets[*].hosts must be lower-case hostnames such as www.example.com, without scheme, port, path or wildcard",
      "(an international name in its xn-- form): name at least one, or omit hosts to use the bucket's name.",
    ])
  }

  validation {
    condition = alltrue(flatten([for target in var.targets : [
      for wrong, right in local.misspelt.targets : target[wrong] == null
    ] if target != null]))
    error_message = "targets[*] has no such attribute: ${join(", ", distinct(flatten([for target in var.targets : [
      for wrong, right in local.misspelt.targets : "instead of ${wrong} did you mean ${right}" if target[wrong] != null
    ] if target != null])))}?"
  }

  validation {
    condition = alltrue([
      for host in distinct(flatten([for target in var.targets : coalesce(try(target.hosts, null), [var.bucket])])) :
      length(distinct([for target in var.targets : target.zone_id
        if try(contains(coalesce(target.hosts, [var.bucket]), host), false)
      ])) <= 1
    ])
    error_message = "A host in targets[*].hosts is in two zones, but each host belongs to one: correct its zone_id."
  }

  validation {
    condition = alltrue([
      for target in var.targets : contains(["url", "prefix", "tag", "host", "everything"], target.purge_by)
      if target != null
    ])
    error_message = "targets[*].purge_by must be \"url\", \"prefix\", \"tag\", \"host\" or \"everything\"."
  }

  validation {
    condition = alltrue([
      for target in var.targets :
      length(target.schemes) > 0 && length(setsubtract(target.schemes, ["https", "http"])) == 0 if target != null
    ])
    error_message = "targets[*].schemes must contain \"https\", \"http\" or both."
  }

  validation {
    condition = alltrue(flatten([
      for target in var.targets : [
        for name in target.index_documents : name != null && !can(regex("[/*]", name))
      ] if target != null
    ]))
    error_message = "targets[*].index_documents must be names such as index.html, without slashes and wildcards."
  }

  validation {
    condition = alltrue(flatten([
      for target in var.targets : [
        for path in [target.key_prefix, target.path_prefix] :
        !can(regex("[*]|://|^[.]{1,2}(/|$)|/[.]{1,2}(/|$)", path))
      ] if target != null
    ]))
    error_message = join(" ", [
      "targets[*].key_prefix and path_prefix must be folders such as \"assets/\", without . or .., not globs (use",
      "include and exclude for these) and not URLs.",
    ])
  }

  validation {
    condition     = !anytrue([for target in var.targets : can(regex("%[0-9A-Fa-f]{2}", target.path_prefix))])
    error_message = "targets[*].path_prefix must not be percent-encoded: write \"café\" instead of \"caf%C3%A9\"."
  }

  validation {
    # A prefix that Cloudflare purges has at most 31 slashes,
    # https://developers.cloudflare.com/cache/how-to/purge-cache/purge_by_prefix/
    condition = alltrue([
      for target in var.targets : length(split("/", trim(target.path_prefix, "/"))) <= 30 if target != null
    ])
    error_message = "targets[*].path_prefix must be at most 30 folders deep: Cloudflare purges no deeper prefix."
  }

  validation {
    condition = alltrue([
      for target in var.targets : (target.purge_by == "tag") == (length(target.tags) > 0) if target != null
    ])
    error_message = "targets[*].tags, such as [\"{bucket}/{key}\"], must be set if purge_by = \"tag\", and only then."
  }

  validation {
    condition = alltrue(flatten([
      for target in var.targets : [
        for tag in target.tags : try(
          length(tag) <= 1024 && can(regex("^([!-+\\--z|~]|\\{(bucket|key|dir|name|stem|ext)\\})+$", tag)), false
        )
      ] if target != null
    ]))
    error_message = join(" ", [
      "Each targets[*].tags must be 1 to 1024 printable ASCII characters without spaces and commas, with braces only",
      "for the placeholders {bucket}, {key}, {dir}, {name}, {stem} and {ext}.",
    ])
  }

  validation {
    condition = alltrue(flatten([for target in var.targets : [
      for glob in target.keys : try(!can(regex("^$|^/|/$|[{}\\\\]|\\[\\^", glob)) && alltrue([
        for set in regexall("\\[!?\\]?[^\\]]*\\]", glob) : can(regexall(replace(set, "/^\\[!/", "[^"), ""))
      ]), false)
    ] if target != null]))
    error_message = "Each targets[*].keys must be a glob such as \"*.html\" or \"img/**\": ${local.glob_rule}"
  }

  validation {
    condition = alltrue(flatten([
      for target in var.targets : [
        for path in target.related : try(alltrue([
          length(path) <= 1024,
          !can(regex("/(/|[.]{1,2}([*]?$|/))", path)),
          can(regex("^/([^\\x00-\\x1f\\x7f?#%*{}]|\\{(bucket|key|dir|name|stem|ext)\\})*[*]?$", path)),
        ]), false)
      ] if target != null
    ]))
    error_message = join(" ", [
      "Each targets[*].related must be a path on the host such as \"/feed.xml\", \"/amp/{key}\" or \"/tags/{dir}/*\":",
      "one slash first, no empty folders, . or .., no query, nothing percent-encoded, a * only at the end, and braces",
      "only for the placeholders {bucket}, {key}, {dir}, {name}, {stem} and {ext}.",
    ])
  }

  validation {
    # Only the function knows what a placeholder becomes.
    condition = alltrue(flatten([
      for target in var.targets : [
        for folder in compact([trim(target.path_prefix, "/")]) : [
          for path in target.related : try(
            startswith(path, "/${folder}/")
            || strcontains(path, "{") && startswith("/${folder}/", split("{", path)[0]), true
          )
        ]
      ] if target != null
    ]))
    error_message = join(" ", [
      "targets[*].related must be below the target's path_prefix, such as \"/blog/feed.xml\" for \"blog\": correct the",
      "path, or add a target without path_prefix.",
    ])
  }

  validation {
    condition = alltrue([
      for target in var.targets : target.delay_seconds == max(0, min(900, floor(target.delay_seconds)))
      if target != null
    ])
    error_message = "targets[*].delay_seconds must be a whole number from 0 to 900, SQS's maximum."
  }

  validation {
    condition = alltrue([
      for target in var.targets : length(target.header_variants) == 0 || length(target.related) > 0
      || contains(["url", "prefix"], target.purge_by) if target != null
    ])
    error_message = "targets[*].header_variants are for URLs: omit them, the other kinds purge all variants."
  }

  validation {
    # A token of https://www.rfc-editor.org/rfc/rfc9110#name-tokens.
    condition = alltrue(flatten([
      for target in var.targets : [
        for variant in target.header_variants : try(length(variant) > 0 && alltrue([
          for name, value in variant :
          can(regex("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", name)) && can(regex("^[!-~]([ -~]*[!-~])?$", value))
        ]), false)
      ] if target != null
    ]))
    error_message = join(" ", [
      "Each targets[*].header_variants must have at least one header, such as { Origin = \"https://example.com\" }: a",
      "name without colons and spaces, and a value of printable ASCII that is not empty and not padded.",
    ])
  }

  validation {
    condition = alltrue([
      for target in var.targets :
      target.environment_id == null ? true : can(regex("^[0-9a-zA-Z_-]{1,64}$", target.environment_id))
      if target != null
    ])
    error_message = "targets[*].environment_id must be the ID of an environment (letters, digits, -, _), not its name."
  }
}

# ---- Which changes ----

variable "include" {
  description = "Globs on the decoded key (`*.css`, `img/**`); only matching keys are purged. Empty means every key."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for glob in var.include : try(!can(regex("^$|^/|/$|[{}\\\\]|\\[\\^", glob)) && alltrue([
        for set in regexall("\\[!?\\]?[^\\]]*\\]", glob) : can(regexall(replace(set, "/^\\[!/", "[^"), ""))
      ]), false)
    ])
    error_message = "Each entry of include must be a glob such as \"*.css\" or \"img/**\": ${local.glob_rule}"
  }
}

variable "exclude" {
  description = "Globs on the decoded key; matching keys are not purged. Takes precedence over `include`."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for glob in var.exclude : try(!can(regex("^$|^/|/$|[{}\\\\]|\\[\\^", glob)) && alltrue([
        for set in regexall("\\[!?\\]?[^\\]]*\\]", glob) : can(regexall(replace(set, "/^\\[!/", "[^"), ""))
      ]), false)
    ])
    error_message = "Each entry of exclude must be a glob such as \"*.map\" or \"drafts/**\": ${local.glob_rule}"
  }
}

variable "events" {
  description = <<-EOT
    S3 event types that purge. Add `s3:LifecycleExpiration:*` if a lifecycle rule deletes served objects. With
    `event_source = "eventbridge"` a type includes all its subtypes, and `s3:ObjectRemoved:*` includes lifecycle
    expiry.
  EOT
  type        = list(string)
  default     = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
  nullable    = false

  validation {
    condition = length(setsubtract(var.events, concat(["s3:ObjectAcl:Put", "s3:ReducedRedundancyLostObject"], flatten([
      for kind, types in {
        ObjectCreated       = ["*", "Put", "Post", "Copy", "CompleteMultipartUpload"]
        ObjectRemoved       = ["*", "Delete", "DeleteMarkerCreated"]
        ObjectRestore       = ["*", "Post", "Completed", "Delete"]
        LifecycleExpiration = ["*", "Delete", "DeleteMarkerCreated"]
        ObjectTagging       = ["*", "Put", "Delete"]
      } : [for type in types : "s3:${kind}:${type}"]
    ])))) == 0 && length(var.events) > 0
    error_message = "events must be one or more S3 event types of changed objects, such as \"s3:ObjectCreated:*\"."
  }

  validation {
    condition = length(distinct(var.events)) == length(var.events) && alltrue([for event in var.events :
      try(endswith(event, ":*") || !contains(var.events, "${join(":", slice(split(":", event), 0, 2))}:*"), true)
    ])
    error_message = "events names a type twice: remove the single types that a \"...:*\" already covers."
  }

  validation {
    condition     = var.event_source != "eventbridge" || !contains(var.events, "s3:ReducedRedundancyLostObject")
    error_message = "EventBridge has no event s3:ReducedRedundancyLostObject: remove it, or set event_source = \"s3\"."
  }
}

variable "event_source" {
  description = <<-EOT
    Where events come from. `s3`: the bucket's notification, which the module then owns completely; other entries in
    it are removed (an `import` block shows them at plan: docs/upgrading.md). `eventbridge`: a rule; the bucket's
    owner must enable EventBridge (`aws_s3_bucket_notification` with `eventbridge = true`). `none`: a notification
    with another owner, who adds the output `notification`.
  EOT
  type        = string
  default     = "s3"
  nullable    = false

  validation {
    condition     = contains(["s3", "eventbridge", "none"], var.event_source)
    error_message = "event_source must be \"s3\", \"eventbridge\" or \"none\"."
  }
}

variable "event_filters" {
  description = <<-EOT
    Filters at the event source, so that other keys cost nothing; an event passes if it matches one of them. S3
    accepts 100; with `event_source = "eventbridge"` the rule's pattern has at most 2,048 characters (4,096 if AWS
    has raised that quota):
    - `prefix`: (Optional) beginning of the key, not encoded, without a leading slash.
    - `suffix`: (Optional) end of the key, not encoded.
  EOT
  type = list(object({
    prefix = optional(string, "")
    suffix = optional(string, "")

    filter_prefix = optional(any)
    filter_suffix = optional(any)
  }))
  default  = [{}]
  nullable = false

  validation {
    condition = (
      length(var.event_filters) > 0 && (length(var.event_filters) <= 100 || var.event_source == "eventbridge")
    )
    error_message = "event_filters must have 1 to 100 entries, S3's maximum; [{}] accepts every key."
  }

  validation {
    condition = alltrue(flatten([for filter in var.event_filters : [
      for wrong, right in local.misspelt.event_filters : filter[wrong] == null
    ] if filter != null]))
    error_message = "event_filters[*] has no such attribute: ${join(", ", distinct(flatten([
      for filter in var.event_filters : [
        for wrong, right in local.misspelt.event_filters : "instead of ${wrong} did you mean ${right}"
        if filter[wrong] != null
      ] if filter != null
    ])))}?"
  }

  validation {
    condition     = !anytrue([for filter in var.event_filters : try(startswith(filter.prefix, "/"), false)])
    error_message = "event_filters[*].prefix must not begin with a slash: keys have none, so no key would match."
  }

  validation {
    condition = alltrue(flatten([
      for filter in var.event_filters : [
        for text in try([filter.prefix, filter.suffix], [null]) : try(!strcontains(text, "*"), false)
      ]
    ]))
    error_message = "event_filters are compared literally: remove wildcards, and use include and exclude for globs."
  }

  validation {
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
    condition = var.event_source == "eventbridge" || alltrue(flatten([
      for i, a in var.event_filters : [
        for j, b in var.event_filters : i == j || !try(
          (startswith(a.prefix, b.prefix) || startswith(b.prefix, a.prefix))
          && (endswith(a.suffix, b.suffix) || endswith(b.suffix, a.suffix)),
          false,
        )
      ]
    ]))
    error_message = "Two event_filters overlap, which S3 refuses: no key may match both of them."
  }
}

variable "keep_eventbridge" {
  description = <<-EOT
    With `event_source = "s3"`: keep the bucket's EventBridge delivery on, which other services may need (GuardDuty
    does). It is part of the notification, so without this input the module switches it off.
  EOT
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.keep_eventbridge || var.event_source == "s3"
    error_message = "keep_eventbridge needs event_source = \"s3\": only then the module owns the notification."
  }
}

# ---- How it is done ----

variable "delivery" {
  description = <<-EOT
    How events reach the function. `queue`: in batches through the queue. `direct`: each event invokes the function,
    up to three times; an event that still fails goes to the dead-letter queue. Manual messages, looks of `verify` and
    messages moved back from the dead-letter queue always use the queue.
  EOT
  type        = string
  default     = "queue"
  nullable    = false

  validation {
    condition     = contains(["queue", "direct"], var.delivery)
    error_message = "delivery must be \"queue\" or \"direct\"."
  }
}

variable "verify" {
  description = <<-EOT
    Request purged pages as a visitor would (a look), and purge stale copies again; `{}` enables it:
    - `after_seconds`: (Optional) seconds from the purge to the first look, 0 to 900; each further look waits twice as
      long, at most 900 seconds.
    - `attempts`: (Optional) number of looks, 1 to 5; the last one only reports.
    - `sample`: (Optional) how many of the newest changes of an invocation are looked at, 0 to 100; `0` looks at none
      and purges every change once more.
  EOT
  type = object({
    after_seconds = optional(number, 5)
    attempts      = optional(number, 3)
    sample        = optional(number, 20)

    enabled = optional(any)
    after   = optional(any)
    attempt = optional(any)
    samples = optional(any)
  })
  default = null

  validation {
    condition = alltrue([
      for wrong, right in local.misspelt.verify : var.verify == null ? true : var.verify[wrong] == null
    ])
    error_message = "verify has no such attribute: ${join(", ", [
      for wrong, right in local.misspelt.verify : "instead of ${wrong} did you mean ${right}"
      if var.verify == null ? false : var.verify[wrong] != null
    ])}?"
  }

  validation {
    condition = alltrue([
      for name, limits in local.ranges.verify :
      var.verify == null ? true : var.verify[name] == max(limits[0], min(limits[1], floor(var.verify[name])))
    ])
    error_message = join(" ", [
      for name, limits in local.ranges.verify : "verify.${name} must be a whole number from ${join(" to ", limits)}."
      if var.verify == null ? false : var.verify[name] != max(limits[0], min(limits[1], floor(var.verify[name])))
    ])
  }
}

variable "collapse_above" {
  description = <<-EOT
    Above this many URLs per target and invocation, purge its `path_prefix` on each of its hosts instead, or the
    whole host if it has none; `null` disables it. An invocation has `queue.batch_size` messages, in a burst up to
    `queue.drain`, and with `delivery = "direct"` one change.
  EOT
  type        = number
  default     = null

  validation {
    condition = var.collapse_above == null ? true : (
      var.collapse_above == max(1, min(1000000, floor(var.collapse_above)))
    )
    error_message = "collapse_above must be a whole number from 1 to 1000000; omit it to purge each URL."
  }
}

variable "cloudflare" {
  description = <<-EOT
    The Cloudflare account:
    - `plan`: (Optional) plan of the zones: `free`, `pro`, `business` or `enterprise`; sets the rate limits and the
      URLs in one request (Enterprise 500, others 100).
    - `operation`: (Optional) `purge` removes the copies. `invalidate` marks them stale: Cloudflare can still serve
      them while it revalidates and while the origin fails, so never use it for takedowns.
    - `requests_per_second`: (Optional) budget of purge requests, divided by `queue.max_concurrency`. With `delivery
      = "direct"` Lambda runs as many functions as there are events, and each uses its share.
    - `email`: (Optional) only if the parameter contains a Global API key instead of an API token.
    - `api_url`: (Optional) base URL of the API; https, or http on loopback.
    - `edge_url`: (Optional) for tests: a URL on loopback that is requested instead of the hosts.
  EOT
  type = object({
    plan                = optional(string, "free")
    operation           = optional(string, "purge")
    requests_per_second = optional(number, 4)
    email               = optional(string)
    api_url             = optional(string, "https://api.cloudflare.com/client/v4")
    edge_url            = optional(string)

    rate         = optional(any)
    api_base_url = optional(any)
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([for wrong, right in local.misspelt.cloudflare : var.cloudflare[wrong] == null])
    error_message = "cloudflare has no such attribute: ${join(", ", [
      for wrong, right in local.misspelt.cloudflare : "instead of ${wrong} did you mean ${right}"
      if var.cloudflare[wrong] != null
    ])}?"
  }

  validation {
    condition     = contains(["free", "pro", "business", "enterprise"], var.cloudflare.plan)
    error_message = "cloudflare.plan must be free, pro, business or enterprise."
  }

  validation {
    condition     = contains(["purge", "invalidate"], var.cloudflare.operation)
    error_message = "cloudflare.operation must be purge or invalidate."
  }

  validation {
    condition     = var.cloudflare.requests_per_second > 0 && var.cloudflare.requests_per_second <= 100
    error_message = "cloudflare.requests_per_second must be above 0 and at most 100; Cloudflare allows 4 by default."
  }

  validation {
    condition     = var.cloudflare.email == null || can(regex("^[!-?A-~]+@[!-?A-~]+$", var.cloudflare.email))
    error_message = "cloudflare.email must be the address of the Global API key's user; omit it for an API token."
  }

  validation {
    condition = (
      can(regex(join("", [
        "^(https://([a-zA-Z0-9._-]+|\\[[0-9a-fA-F:.]+\\])|http://(localhost|127\\.0\\.0\\.1|\\[::1\\]))",
        "(:[1-9][0-9]{0,4})?(/[!-\"$->@-~]*)?$",
      ]), var.cloudflare.api_url))
      && try(tonumber(regex("^https?://[^/]*:([0-9]+)(?:/|$)", var.cloudflare.api_url)[0]), 443) <= 65535
    )
    error_message = "cloudflare.api_url must be an https URL (http on loopback only) without credentials and query."
  }

  validation {
    condition = var.cloudflare.edge_url == null || (
      can(regex("^https?://(localhost|127\\.0\\.0\\.1|\\[::1\\])(:[1-9][0-9]{0,4})?/?$", var.cloudflare.edge_url))
      && try(tonumber(regex(":([0-9]+)/?$", var.cloudflare.edge_url)[0]), 443) <= 65535
    )
    error_message = "cloudflare.edge_url must be a URL on loopback; omit it outside of tests."
  }
}

variable "queue" {
  description = <<-EOT
    The queue between bucket and function:
    - `batch_size`: (Optional) maximum number of messages in one invocation.
    - `batch_window_seconds`: (Optional) how long to wait for a full batch. With any window a single upload can wait
      20 seconds.
    - `max_concurrency`: (Optional) maximum number of concurrent functions, which share every limit. On the Free plan
      with a `purge_by` other than `url` use 2 or 3, because the 5 requests a minute would otherwise be minutes apart.
    - `drain`: (Optional) after a full batch the function itself receives more messages, up to this number (at most
      1,000), so that a burst needs few requests. `0` disables it.
    - `max_receive_count`: (Optional) receives before a message goes to the dead-letter queue; 30 take more than five
      hours in an outage, and about four if only this message fails.
    - `retention_seconds`: (Optional) how long a message is kept.
    - `kms_key_arn`: (Optional) customer managed key for both queues; S3 (with `event_source = "eventbridge"`,
      EventBridge) must be allowed to use it. Defaults to SSE-SQS.
  EOT
  type = object({
    batch_size           = optional(number, 10)
    batch_window_seconds = optional(number, 0)
    max_concurrency      = optional(number, 2)
    drain                = optional(number, 1000)
    max_receive_count    = optional(number, 30)
    retention_seconds    = optional(number, 345600)
    kms_key_arn          = optional(string)

    kms_key_id        = optional(any)
    kms_master_key_id = optional(any)
    max_receives      = optional(any)
    batch_window      = optional(any)
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([for wrong, right in local.misspelt.queue : var.queue[wrong] == null])
    error_message = "queue has no such attribute: ${join(", ", [
      for wrong, right in local.misspelt.queue : "instead of ${wrong} did you mean ${right}" if var.queue[wrong] != null
    ])}?"
  }

  validation {
    condition = alltrue([
      for name, limits in local.ranges.queue : var.queue[name] == max(limits[0], min(limits[1], floor(var.queue[name])))
    ])
    error_message = join(" ", [
      for name, limits in local.ranges.queue : "queue.${name} must be a whole number from ${join(" to ", limits)}."
      if var.queue[name] != max(limits[0], min(limits[1], floor(var.queue[name])))
    ])
  }

  validation {
    condition     = var.queue.batch_size <= 10 || var.queue.batch_window_seconds >= 1
    error_message = "queue.batch_size above 10 needs queue.batch_window_seconds of at least 1."
  }

  validation {
    # SQS deletes expired messages silently: every message must have had its last try before.
    condition = (
      var.queue.retention_seconds >= var.queue.max_receive_count * max(1020,
      6 * var.lambda.timeout + var.queue.batch_window_seconds)
    )
    error_message = join(" ", [
      "queue.retention_seconds is shorter than queue.max_receive_count tries can last (17 minutes each, or the",
      "queue's visibility timeout), and expired messages are lost: raise the first or lower the second.",
    ])
  }

  validation {
    # With too small a share of the budget a function ends before it may send.
    condition = var.cloudflare.requests_per_second / var.queue.max_concurrency * var.lambda.timeout >= 5
    error_message = join(" ", [
      "queue.max_concurrency leaves each function fewer than 5 requests in lambda.timeout: lower it, or raise",
      "cloudflare.requests_per_second or lambda.timeout.",
    ])
  }

  validation {
    condition     = var.queue.kms_key_arn == null || can(regex(local.key_arn, var.queue.kms_key_arn))
    error_message = "queue.kms_key_arn must be the ARN of a customer managed key (arn:...:key/...), not an alias."
  }
}

variable "lambda" {
  description = <<-EOT
    The function:
    - `runtime`: (Optional) `python3.11` or later, if the AWS provider accepts it: provider 5 refuses `python3.14`.
    - `architecture`: (Optional) `arm64` or `x86_64`.
    - `memory_size`: (Optional) MB; the share of a CPU grows with it.
    - `timeout`: (Optional) seconds.
    - `log_level`: (Optional) `DEBUG`, `INFO`, `WARN` or `ERROR`. With `ERROR` the log does not say what the alarms
      `stale` and `unverifiable` are about.
    - `log_principals`: (Optional) whether the log and the events of `notify` name who changed an object.
    - `log_retention_days`: (Optional) days the log is kept.
    - `log_kms_key_arn`: (Optional) customer managed key for the log group; CloudWatch Logs must be allowed to use it.
    - `tracing`: (Optional) X-Ray: `Active`, or `PassThrough` to follow the caller.
    - `vpc`: (Optional) `subnet_ids` and `security_group_ids`; Cloudflare, SSM and SQS (with `notify` EventBridge too)
      must be reachable from there. `ipv6_allowed_for_dual_stack` allows IPv6 in dual-stack subnets.
    - `code_signing_config_arn`: (Optional) code signing configuration. The committed zip is not signed, so it also
      needs a signed `package`.
    - `package`: (Optional) another zip instead of the committed one, with the same handler: `filename`, or
      `s3_bucket` and `s3_key` with an optional `s3_object_version`. `source_code_hash` (base64 of its SHA-256)
      detects changes and defaults to that of `filename`.
  EOT
  type = object({
    runtime            = optional(string, "python3.13")
    architecture       = optional(string, "arm64")
    memory_size        = optional(number, 512)
    timeout            = optional(number, 60)
    log_level          = optional(string, "INFO")
    log_principals     = optional(bool, true)
    log_retention_days = optional(number, 30)
    log_kms_key_arn    = optional(string)
    tracing            = optional(string, "PassThrough")
    vpc = optional(object({
      subnet_ids                  = list(string)
      security_group_ids          = list(string)
      ipv6_allowed_for_dual_stack = optional(bool, false)
    }))
    code_signing_config_arn = optional(string)
    package = optional(object({
      filename          = optional(string)
      s3_bucket         = optional(string)
      s3_key            = optional(string)
      s3_object_version = optional(string)
      source_code_hash  = optional(string)
    }))

    memory                = optional(any)
    timeout_seconds       = optional(any)
    retention_days        = optional(any)
    log_retention_in_days = optional(any)
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([for wrong, right in local.misspelt.lambda : var.lambda[wrong] == null])
    error_message = "lambda has no such attribute: ${join(", ", [
      for wrong, right in local.misspelt.lambda : "instead of ${wrong} did you mean ${right}"
      if var.lambda[wrong] != null
    ])}?"
  }

  validation {
    condition     = can(regex("^python3[.](1[1-9]|[2-9][0-9])$", var.lambda.runtime))
    error_message = "lambda.runtime must be python3.11 or later."
  }

  validation {
    condition = var.lambda.code_signing_config_arn == null || can(
      regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:code-signing-config:csc-[a-z0-9]{17}$",
      var.lambda.code_signing_config_arn)
    )
    error_message = "lambda.code_signing_config_arn must be an ARN (arn:...:code-signing-config:csc-...)."
  }

  validation {
    condition     = contains(["arm64", "x86_64"], var.lambda.architecture)
    error_message = "lambda.architecture must be arm64 or x86_64."
  }

  validation {
    condition = alltrue([
      for name, limits in local.ranges.lambda :
      var.lambda[name] == max(limits[0], min(limits[1], floor(var.lambda[name])))
    ])
    error_message = join(" ", [
      for name, limits in local.ranges.lambda : "lambda.${name} must be a whole number from ${join(" to ", limits)}."
      if var.lambda[name] != max(limits[0], min(limits[1], floor(var.lambda[name])))
    ])
  }

  validation {
    condition     = contains(["DEBUG", "INFO", "WARN", "ERROR"], var.lambda.log_level)
    error_message = "lambda.log_level must be DEBUG, INFO, WARN or ERROR."
  }

  validation {
    condition     = contains(local.log_retention_days, var.lambda.log_retention_days)
    error_message = "lambda.log_retention_days must be one of ${join(", ", local.log_retention_days)}."
  }

  validation {
    condition     = var.lambda.log_kms_key_arn == null || can(regex(local.key_arn, var.lambda.log_kms_key_arn))
    error_message = "lambda.log_kms_key_arn must be the ARN of a customer managed key (arn:...:key/...)."
  }

  validation {
    condition     = contains(["PassThrough", "Active"], var.lambda.tracing)
    error_message = "lambda.tracing must be PassThrough or Active."
  }

  validation {
    condition = var.lambda.vpc == null ? true : alltrue([
      for kind, ids in { subnet = var.lambda.vpc.subnet_ids, sg = var.lambda.vpc.security_group_ids } :
      try(length(ids) > 0 && alltrue([for id in ids : can(regex("^${kind}-[0-9a-f]+$", id))]), false)
    ])
    error_message = join(" ", [
      "lambda.vpc needs at least one ID in subnet_ids (subnet-...) and one in security_group_ids (sg-...), not ARNs or",
      "names; omit it for no VPC.",
    ])
  }

  validation {
    condition = var.lambda.package == null ? true : alltrue([
      for name in ["s3_bucket", "s3_key"] : (var.lambda.package[name] == null) == (var.lambda.package.filename != null)
    ])
    error_message = "lambda.package needs either filename, or s3_bucket and s3_key."
  }

  validation {
    condition = var.lambda.package == null ? true : (
      var.lambda.package.s3_object_version == null || var.lambda.package.s3_bucket != null
    )
    error_message = "lambda.package.s3_object_version is for a package in S3: add s3_bucket and s3_key, or omit it."
  }

  validation {
    # AWS returns base64: another notation would be a change in every plan.
    condition = try(var.lambda.package.source_code_hash, null) == null ? true : can(
      regex("^[A-Za-z0-9+/]{43}=$", var.lambda.package.source_code_hash)
    )
    error_message = "lambda.package.source_code_hash must be a SHA-256 in base64, as filebase64sha256 returns it."
  }
}

variable "role" {
  description = <<-EOT
    The function's role:
    - `create`: (Optional) whether the module creates it. Defaults to true without `arn`; set it to `false` if `arn`
      is that of a role created in the same apply.
    - `arn`: (Optional) ARN of an existing role with the policy of the output `role_policy_json`; the module then
      creates nothing in IAM.
    - `name`: (Optional) name of the created role. Set it to use the module's `name` in two Regions, because IAM roles
      are global. Defaults to `name`.
    - `path`: (Optional) path of the created role.
    - `permissions_boundary`: (Optional) ARN of its permissions boundary.
  EOT
  type = object({
    create               = optional(bool)
    arn                  = optional(string)
    name                 = optional(string)
    path                 = optional(string, "/")
    permissions_boundary = optional(string)

    permission_boundary      = optional(any)
    permissions_boundary_arn = optional(any)
    role_arn                 = optional(any)
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([for wrong, right in local.misspelt.role : var.role[wrong] == null])
    error_message = "role has no such attribute: ${join(", ", [
      for wrong, right in local.misspelt.role : "instead of ${wrong} did you mean ${right}" if var.role[wrong] != null
    ])}?"
  }

  validation {
    condition     = var.role.name == null || can(regex("^[a-zA-Z0-9_+=,.@-]{1,64}$", var.role.name))
    error_message = "role.name must be 1 to 64 letters, digits or any of _+=,.@-, as IAM requires."
  }

  validation {
    condition     = var.role.arn == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/.+$", var.role.arn))
    error_message = "role.arn must be the ARN of a role (arn:aws:iam::123456789012:role/...)."
  }

  validation {
    condition     = var.role.create == null ? true : var.role.create == (var.role.arn == null)
    error_message = "role.create = false needs role.arn, and role.create = true excludes it: correct one of them."
  }

  validation {
    condition     = can(regex("^/([!-~]+/)?$", var.role.path))
    error_message = "role.path must begin and end with a slash, such as /service/."
  }

  validation {
    condition = var.role.permissions_boundary == null || can(
      regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+$", var.role.permissions_boundary)
    )
    error_message = "role.permissions_boundary must be the ARN of a policy (arn:aws:iam::123456789012:policy/...)."
  }

  validation {
    condition = coalesce(var.role.create, var.role.arn == null) || (
      var.role.path == "/" && var.role.permissions_boundary == null && var.role.name == null
    )
    error_message = "role.name, path and permissions_boundary are for a role that is created: omit them with role.arn."
  }
}

variable "api_token_kms_key_arn" {
  description = <<-EOT
    ARN of the customer managed key that encrypts the parameter or the secret; adds `kms:Decrypt` for this key only.
    Not needed with `alias/aws/ssm`.
  EOT
  type        = string
  default     = null

  validation {
    condition     = var.api_token_kms_key_arn == null || can(regex(local.key_arn, var.api_token_kms_key_arn))
    error_message = "api_token_kms_key_arn must be the ARN of a customer managed key (arn:...:key/...), not an alias."
  }
}

# ---- Alarms, dashboard, tags ----

variable "alarms" {
  description = <<-EOT
    CloudWatch alarms:
    - `enabled`: (Optional) create them.
    - `disabled`: (Optional) alarms that are not created, by their keys in the output `alarm_arns`.
    - `actions`: (Optional) ARNs to notify of an alarm, usually an SNS topic.
    - `actions_by_alarm`: (Optional) other ARNs for some alarms, by the same keys: `{ dead_letters = [arn] }`.
    - `ok_actions`: (Optional) ARNs to notify when an alarm ends.
    - `oldest_message_seconds`: (Optional) maximum age of a message, in addition to the longest delay of
      `delay_seconds` and `verify`.
    - `lag_milliseconds`: (Optional) maximum time from a change to its purge.
  EOT
  type = object({
    enabled                = optional(bool, true)
    actions                = optional(list(string), [])
    ok_actions             = optional(list(string), [])
    disabled               = optional(list(string), [])
    actions_by_alarm       = optional(map(list(string)), {})
    oldest_message_seconds = optional(number, 900)
    lag_milliseconds       = optional(number, 60000)

    alarm_actions = optional(any)
    action        = optional(any)
    ok_action     = optional(any)
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([for wrong, right in local.misspelt.alarms : var.alarms[wrong] == null])
    error_message = "alarms has no such attribute: ${join(", ", [
      for wrong, right in local.misspelt.alarms : "instead of ${wrong} did you mean ${right}"
      if var.alarms[wrong] != null
    ])}?"
  }

  validation {
    condition = alltrue([
      for arns in concat([var.alarms.actions, var.alarms.ok_actions], try(values(var.alarms.actions_by_alarm), [])) :
      try(alltrue([for arn in arns : can(regex("^arn:[a-z-]+:([^:]*:){3}.+$", arn))]), false)
    ])
    error_message = "alarms.actions, ok_actions and actions_by_alarm must be ARNs, such as that of an SNS topic."
  }

  validation {
    condition = alltrue([
      for arns in concat([var.alarms.actions, var.alarms.ok_actions], try(values(var.alarms.actions_by_alarm), [])) :
      try(length(arns) <= 5, true)
    ])
    error_message = "alarms.actions, ok_actions and actions_by_alarm have at most 5 ARNs each, CloudWatch's maximum."
  }

  validation {
    condition = length(setsubtract(
      concat(try(keys(var.alarms.actions_by_alarm), []), var.alarms.disabled), local.alarm_keys
    )) == 0
    error_message = "alarms.disabled and the keys of actions_by_alarm must be among ${join(", ", local.alarm_keys)}."
  }

  validation {
    condition     = var.alarms.oldest_message_seconds >= 60 && var.alarms.lag_milliseconds >= 1000
    error_message = "alarms.oldest_message_seconds must be at least 60, alarms.lag_milliseconds at least 1000."
  }
}

variable "notify" {
  description = <<-EOT
    Send EventBridge events (source `cf_purge`, detail types `Purged`, `Parked` and with `verify` `Verified`;
    docs/operations.md):
    - `event_bus_arn`: ARN of the event bus. If it is in another account, its policy must allow the function's role.
  EOT
  type = object({
    event_bus_arn = string
  })
  default = null

  validation {
    condition = var.notify == null ? true : can(
      regex("^arn:[a-z-]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/[a-zA-Z0-9/._-]{1,256}$", var.notify.event_bus_arn)
    )
    error_message = "notify.event_bus_arn must be the ARN of an event bus (arn:aws:events:...:event-bus/default)."
  }
}

variable "dashboard" {
  description = <<-EOT
    Create a CloudWatch dashboard and saved log queries: whether a key was purged, who changed what, why a message is
    parked.
  EOT
  type        = bool
  default     = false
  nullable    = false
}

variable "tags" {
  description = "Tags for all taggable resources."
  type        = map(string)
  default     = {}
  nullable    = false
}
