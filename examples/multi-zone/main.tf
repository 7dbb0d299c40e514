# One bucket behind two zones; each folder is purged differently.

module "cf_purge" {
  source = "../.."

  name                = "media-purge"
  bucket              = "media.example.com"
  api_token_parameter = "/prod/cloudflare/media-token" # one token for both zones

  targets = [
    # Pages: pages/about.html is https://www.example.org/about.html, and /about.
    {
      zone_id    = "2a000000000000000000000000000001"
      hosts      = ["www.example.org", "m.example.org"]
      key_prefix = "pages"
      clean_urls = true
    },
    # Scripts are requested as app.js?v=7: a prefix purges every query string.
    {
      zone_id     = "2a000000000000000000000000000001"
      hosts       = ["www.example.org"]
      key_prefix  = "scripts"
      path_prefix = "static/js"
      purge_by    = "prefix"
    },
    # Images are requested with many queries and Origins: a tag covers these copies, and no other file's.
    {
      zone_id     = "2b000000000000000000000000000002"
      hosts       = ["img.example.net"]
      key_prefix  = "images"
      path_prefix = "images"
      purge_by    = "tag"
      tags        = ["{bucket}/{key}"]
    },
    # A gallery changes as a whole: its objects have the metadata cache-tag = "gallery-galleries/cats".
    {
      zone_id     = "2b000000000000000000000000000002"
      hosts       = ["img.example.net"]
      key_prefix  = "galleries"
      path_prefix = "galleries"
      purge_by    = "tag"
      tags        = ["gallery-{dir}"]
    },
    # Feeds are requested by https and http, and with the Origin of the site that embeds them.
    {
      zone_id         = "2b000000000000000000000000000002"
      hosts           = ["feeds.example.net"]
      key_prefix      = "feeds"
      schemes         = ["https", "http"]
      header_variants = [{ Origin = "https://www.example.org" }]
    },
  ]

  alarms = { actions = ["arn:aws:sns:eu-west-1:123456789012:on-call"] }
  tags   = { service = "media" }
}
