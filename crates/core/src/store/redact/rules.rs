//! The rules: what secrets look like.

/// A rule of ours. Its regular expression matches as soon as it is certain that a secret stands there, and goes on to its end. In
/// a context that stays, the secret alone is the group `secret`.
pub(super) struct Builtin {
    pub(super) name: &'static str,
    /// How a match begins, in any case.
    pub(super) starts: &'static [&'static str],
    pub(super) pattern: &'static str,
}

const fn rule(
    name: &'static str,
    starts: &'static [&'static str],
    pattern: &'static str,
) -> Builtin {
    Builtin { name, starts, pattern }
}

/// All rules of ours. Every one follows what its issuer says of the form, and asks for enough of it that hashes, names and
/// encoded files do not look like it.
#[rustfmt::skip]
pub(super) const BUILTIN: &[Builtin] = &[
    // Keys of clouds.
    rule("aws-access-key", &["AKIA", "ASIA", "ABIA", "ACCA"], r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16,}"),
    rule("aws-secret-key", &["aws_secret_access_key", "secretaccesskey"],
        r#"(?i:aws_secret_access_key|secretaccesskey)["']?[ \t]{0,4}[=:][ \t]{0,4}["']?(?P<secret>[A-Za-z0-9/+]{40,}=*)"#),
    rule("aws-session-token", &["aws_session_token", "sessiontoken"],
        r#"(?i:aws_session_token|sessiontoken)["']?[ \t]{0,4}[=:][ \t]{0,4}["']?(?P<secret>[A-Za-z0-9/+]{40,}=*)"#),
    rule("google-api-key", &["AIza"], r"\bAIza[A-Za-z0-9_-]{35,}"),
    rule("google-oauth", &["ya29.", "GOCSPX-", "1//0"], r"\b(?:ya29\.[A-Za-z0-9_.-]{30,}|GOCSPX-[A-Za-z0-9_-]{28,}|1//0[A-Za-z0-9_-]{40,})"),
    rule("azure-key", &["accountkey=", "sharedaccesskey="], r"(?i:AccountKey|SharedAccessKey)=(?P<secret>[A-Za-z0-9+/]{40,}=*)"),
    rule("azure-sas", &["?sig=", "&sig="], r"[?&]sig=(?P<secret>[A-Za-z0-9%]{43,})"),
    rule("azure-client-secret", &["8Q~", "7Q~"], r"[78]Q~[A-Za-z0-9_.~-]{31,}"),
    rule("digitalocean-token", &["dop_v1_", "doo_v1_", "dor_v1_"], r"\bdo[opr]_v1_[a-f0-9]{64,}"),
    rule("alibaba-key", &["LTAI"], r"\bLTAI[A-Za-z0-9]{20,}"),
    rule("heroku-key", &["HRKU-"], r"\bHRKU-[A-Za-z0-9_-]{36,}"),
    rule("fly-token", &["fm1_", "fm2_", "fo1_"], r"\bf(?:m1|m2|o1)_[A-Za-z0-9+/=_-]{40,}"),
    rule("cloudflare-origin-ca-key", &["v1.0-"], r"\bv1\.0-[a-f0-9]{24}-[a-f0-9]{146,}"),

    // Forges and registries.
    rule("github-token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], r"\bgh[oprsu]_[A-Za-z0-9]{36,}"),
    rule("github-pat", &["github_pat_"], r"\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{30,}"),
    rule("gitlab-token", &["glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "glsoat-", "gloas-"],
        r"\bgl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas)-[A-Za-z0-9_.=-]{20,}"),
    rule("bitbucket-token", &["ATBB", "ATCTT3xFfG", "ATATT3xFfG"], r"\b(?:ATBB[A-Za-z0-9_=.-]{32,}|AT(?:CT|AT)T3xFfG[A-Za-z0-9_=.-]{40,})"),
    rule("npm-token", &["npm_"], r"\bnpm_[A-Za-z0-9]{36,}"),
    rule("npm-auth", &[":_authtoken", ":_password"], r#":_(?i:authToken|password)[ \t]{0,4}=[ \t]{0,4}["']?(?P<secret>[A-Za-z0-9_+/=-]{16,})"#),
    rule("pypi-token", &["pypi-AgE"], r"\bpypi-AgE[A-Za-z0-9_-]{50,}"),
    rule("rubygems-key", &["rubygems_"], r"\brubygems_[a-f0-9]{48,}"),
    rule("crates-token", &["cio"], r"\bcio[A-Za-z0-9]{32,}\b"),
    rule("docker-token", &["dckr_pat_", "dckr_oat_"], r"\bdckr_[op]at_[A-Za-z0-9_-]{27,}"),
    rule("nuget-key", &["oy2"], r"\boy2[a-z0-9]{43}\b"),
    rule("clojars-token", &["CLOJARS_"], r"\bCLOJARS_[a-z0-9]{60,}"),
    rule("hugging-face-token", &["hf_", "api_org_"], r"\b(?:hf|api_org)_[A-Za-z]{34,}"),

    // Services.
    rule("anthropic-key", &["sk-ant-"], r"\bsk-ant-[a-z0-9]{3,12}-[A-Za-z0-9_-]{40,}"),
    rule("openai-key", &["sk-proj-", "sk-svcacct-", "sk-admin-", "T3BlbkFJ", "sk-"],
        r"\bsk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20,})"),
    rule("slack-token", &["xoxa-", "xoxb-", "xoxc-", "xoxd-", "xoxe-", "xoxe.", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-"],
        r"\b(?:xox[abcdeoprs][.-](?:xox[bp]-)?|xapp-)[A-Za-z0-9%-]{20,}"),
    rule("slack-webhook", &["hooks.slack.com/"], r"\bhooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9+/_-]{30,})"),
    rule("discord-webhook", &["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"],
        r"\bdiscord(?:app)?\.com/api/webhooks/(?P<secret>[0-9]{15,22}/[A-Za-z0-9_-]{50,})"),
    rule("teams-webhook", &[".webhook.office.com/"], r"\.webhook\.office\.com/webhookb2/(?P<secret>[A-Za-z0-9@-]{70,}/IncomingWebhook/[A-Za-z0-9/-]{30,})"),
    rule("telegram-bot-token", &["api.telegram.org/bot"], r"\bapi\.telegram\.org/bot(?P<secret>[0-9]{6,12}:[A-Za-z0-9_-]{30,})"),
    rule("stripe-key", &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"], r"\b(?:[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{32,})"),
    rule("square-token", &["sq0csp-", "sq0atp-"], r"\bsq0(?:csp|atp)-[A-Za-z0-9_-]{22,}"),
    rule("shopify-token", &["shpat_", "shpca_", "shppa_", "shpss_"], r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32,}"),
    rule("sendgrid-key", &["SG."], r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43,}"),
    rule("brevo-key", &["xkeysib-", "xsmtpsib-"], r"\bx(?:key|smtp)sib-[a-f0-9]{64}-[A-Za-z0-9]{16,}"),
    rule("databricks-token", &["dapi"], r"\bdapi[a-f0-9]{32}(?:-[0-9])?\b"),
    rule("grafana-token", &["glsa_", "glc_"], r"\b(?:glsa_[A-Za-z0-9]{32}_[a-f0-9]{8,}|glc_[A-Za-z0-9+/=]{40,})"),
    rule("new-relic-key", &["NRAK-", "NRJS-", "NRII-"], r"\bNR(?:AK|JS|II)-[A-Za-z0-9_-]{19,}"),
    rule("sentry-token", &["sntrys_", "sntryu_"], r"\bsntry(?:s_[A-Za-z0-9+/=_-]{60,}|u_[a-f0-9]{64,})"),
    rule("linear-key", &["lin_api_", "lin_oauth_"], r"\blin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    rule("notion-token", &["ntn_", "secret_"], r"\b(?:ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43}\b)"),
    rule("figma-token", &["figd_", "figu_"], r"\bfig[du]_[A-Za-z0-9_-]{40,}"),
    rule("postman-key", &["PMAK-"], r"\bPMAK-[a-f0-9]{24}-[a-f0-9]{34,}"),
    rule("doppler-token", &["dp."], r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,}"),
    rule("vault-token", &["hvs.", "hvb.", "hvr."], r"\bhv[bsr]\.[A-Za-z0-9_-]{24,}"),
    rule("terraform-token", &[".atlasv1."], r"\.atlasv1\.[A-Za-z0-9_-]{60,}"),
    rule("pulumi-token", &["pul-"], r"\bpul-[a-f0-9]{40,}"),
    rule("planetscale-token", &["pscale_"], r"\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,}"),
    rule("supabase-key", &["sbp_", "sb_secret_"], r"\b(?:sbp_(?:oauth_)?[a-f0-9]{40,}|sb_secret_[A-Za-z0-9_-]{20,})"),
    rule("tailscale-key", &["tskey-"], r"\btskey-(?:auth|api|client|webhook|scim)-[A-Za-z0-9]{8,}-[A-Za-z0-9]{20,}"),
    rule("one-password-token", &["ops_eyJ"], r"\bops_eyJ[A-Za-z0-9_-]{100,}={0,3}"),
    rule("age-key", &["AGE-SECRET-KEY-1"], r"\bAGE-SECRET-KEY-1[AC-HJ-NP-Z02-9]{58,}"),
    rule("groq-key", &["gsk_"], r"\bgsk_[A-Za-z0-9]{48,}"),
    rule("perplexity-key", &["pplx-"], r"\bpplx-[A-Za-z0-9]{40,}"),
    rule("xai-key", &["xai-"], r"\bxai-[A-Za-z0-9]{70,}"),
    rule("replicate-token", &["r8_"], r"\br8_[A-Za-z0-9]{37,}"),
    rule("netlify-token", &["nfp_", "nfo_", "nfc_"], r"\bnf[cop]_[A-Za-z0-9]{36,}"),
    rule("buildkite-token", &["bkua_", "bkct_", "bkaj_"], r"\bbk(?:ua|ct|aj)_[a-f0-9]{40,}"),

    // What has a form wherever it comes from.
    rule("private-key", &["-----BEGIN "],
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:-?[A-Za-z0-9+/=\s:,.\\])*(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?"),
    rule("jwt", &["eyJ"], r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?"),
    rule("authorization", &["authorization"],
        r#"(?i:authorization)["']?[ \t]{0,4}[:=][ \t]{0,4}["']?(?i:bearer|basic|token|bot|apikey)[ \t]{1,4}(?P<secret>[A-Za-z0-9._~+/:=-]{12,})"#),
    rule("api-key-header", &["x-api-key", "private-token", "x-auth-token", "x-goog-api-key"],
        r#"(?i:x-api-key|private-token|x-auth-token|x-goog-api-key)["']?[ \t]{0,4}[:=][ \t]{0,4}["']?(?P<secret>[A-Za-z0-9._~+/=-]{16,})"#),
    rule("url-password", &["://"], r#"://[^\s:/@\[\]"'<>]{0,64}:(?P<secret>[^\s/@\[\]"'<>]{3,128})@"#),
];
