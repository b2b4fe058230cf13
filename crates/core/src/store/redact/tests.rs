use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use regex_automata::util::syntax;
use regex_syntax::hir::Look;

use super::rules::BUILTIN;
use super::*;
use crate::random::Random;
use crate::store::model::OutputType;

/// What the secrets of each rule look like: `{x20}` stands for 20 characters of a kind. Between `<` and `>` stands what is
/// replaced, where that is not all.
const FORMS: &[(&str, &[&str])] = &[
    ("aws-access-key", &["AKIA{U16}", "ASIA{U16}"]),
    (
        "aws-secret-key",
        &[
            "AWS_SECRET_ACCESS_KEY=<{b40}>",
            "\"SecretAccessKey\": \"<{b40}>\"",
            "aws_secret_access_key = <{b40}>",
        ],
    ),
    ("aws-session-token", &["AWS_SESSION_TOKEN=<{b300}==>", "\"SessionToken\": \"<{b200}>\""]),
    ("google-api-key", &["AIza{w35}"]),
    ("google-oauth", &["ya29.{w100}", "GOCSPX-{w28}", "1//0{w60}"]),
    ("azure-key", &["AccountKey=<{b86}==>", "SharedAccessKey=<{b43}=>"]),
    ("azure-sas", &["?sv=1&sig=<{n43}%3D>"]),
    ("azure-client-secret", &["8Q~{n34}"]),
    ("digitalocean-token", &["dop_v1_{h64}", "doo_v1_{h64}"]),
    ("alibaba-key", &["LTAI{n20}"]),
    ("heroku-key", &["HRKU-{w36}"]),
    ("fly-token", &["fm2_{b200}", "fo1_{w43}"]),
    ("cloudflare-origin-ca-key", &["v1.0-{h24}-{h146}"]),
    ("github-token", &["ghp_{n36}", "gho_{n36}", "ghu_{n36}", "ghs_{n36}", "ghr_{n76}"]),
    ("github-pat", &["github_pat_{n22}_{n59}"]),
    (
        "gitlab-token",
        &[
            "glpat-{w20}",
            "glrt-{w20}",
            "gldt-{w20}",
            "glcbt-{n2}_{w20}",
            "glpat-{w27}.01.{n9}",
            "glffct-{w20}",
            "GR1348941{w20}",
        ],
    ),
    ("bitbucket-token", &["ATBB{n32}", "ATCTT3xFfG{w180}={h8}", "ATATT3xFfG{w180}={h8}"]),
    ("npm-token", &["npm_{n36}"]),
    (
        "npm-auth",
        &[
            "//registry.example.com/:_authToken=<{n36}>",
            "_x:_password=\"<{b40}>\"",
            "//registry.example.com/:_auth=<{b24}>",
        ],
    ),
    ("pypi-token", &["pypi-AgEIcHlwaS5vcmc{w150}"]),
    ("rubygems-key", &["rubygems_{h48}"]),
    ("crates-token", &["cio{n32}"]),
    ("docker-token", &["dckr_pat_{w27}", "dckr_oat_{w32}"]),
    ("nuget-key", &["oy2{l43}"]),
    ("clojars-token", &["CLOJARS_{h60}"]),
    ("hugging-face-token", &["hf_{A34}", "api_org_{A34}"]),
    ("anthropic-key", &["sk-ant-api03-{w93}AA", "sk-ant-admin01-{w93}AA", "sk-ant-oat01-{w93}"]),
    (
        "openai-key",
        &["sk-proj-{w120}", "sk-svcacct-{w120}", "sk-{n20}T3BlbkFJ{n20}", "sk-admin-{w60}"],
    ),
    (
        "slack-token",
        &[
            "xoxb-{d12}-{d12}-{n24}",
            "xoxp-{d12}-{d12}-{d12}-{h32}",
            "xapp-1-A{n10}-{d13}-{h64}",
            "xoxe.xoxp-1-{n160}",
        ],
    ),
    ("slack-webhook", &["https://hooks.slack.com/services/<T{n8}/B{n10}/{n24}>"]),
    (
        "discord-webhook",
        &[
            "https://discord.com/api/webhooks/<{d18}/{w68}>",
            "discordapp.com/api/webhooks/<{d19}/{w68}>",
        ],
    ),
    (
        "teams-webhook",
        &["https://x.webhook.office.com/webhookb2/<{h36}@{h36}/IncomingWebhook/{h32}/{h36}>"],
    ),
    ("telegram-bot-token", &["https://api.telegram.org/bot<{d10}:AA{w33}>/getMe"]),
    ("stripe-key", &["sk_live_{n24}", "rk_live_{n24}", "sk_test_{n99}", "whsec_{n32}"]),
    ("square-token", &["sq0csp-{w43}", "sq0atp-{w22}"]),
    ("shopify-token", &["shpat_{h32}", "shpss_{h32}"]),
    ("sendgrid-key", &["SG.{w22}.{w43}"]),
    ("brevo-key", &["xkeysib-{h64}-{n16}"]),
    ("databricks-token", &["dapi{h32}", "dapi{h32}-2"]),
    ("grafana-token", &["glsa_{n32}_{h8}", "glc_{b60}"]),
    ("new-relic-key", &["NRAK-{N27}"]),
    ("sentry-token", &["sntrys_{b100}", "sntryu_{h64}"]),
    ("linear-key", &["lin_api_{n40}"]),
    ("notion-token", &["ntn_{n46}", "secret_{n43}"]),
    ("figma-token", &["figd_{w40}"]),
    ("postman-key", &["PMAK-{h24}-{h34}"]),
    ("doppler-token", &["dp.pt.{n43}", "dp.st.dev.{n43}"]),
    ("vault-token", &["hvs.{w90}", "hvb.{w138}"]),
    ("terraform-token", &[".atlasv1.{w67}"]),
    ("pulumi-token", &["pul-{h40}"]),
    ("planetscale-token", &["pscale_tkn_{w43}", "pscale_pw_{w43}"]),
    ("supabase-key", &["sbp_{h40}", "sb_secret_{w31}"]),
    ("tailscale-key", &["tskey-auth-{n12}CNTRL-{n32}"]),
    ("one-password-token", &["ops_eyJ{w250}"]),
    ("age-key", &["AGE-SECRET-KEY-1{Q58}"]),
    ("groq-key", &["gsk_{n52}"]),
    ("perplexity-key", &["pplx-{n48}"]),
    ("xai-key", &["xai-{n80}"]),
    ("replicate-token", &["r8_{n37}"]),
    ("netlify-token", &["nfp_{n36}"]),
    ("buildkite-token", &["bkua_{h40}"]),
    ("aws-bedrock-key", &["ABSK{b120}==", "bedrock-api-key-{b120}"]),
    ("aws-mws-token", &["amzn.mws.{h8}-{h4}-{h4}-{h4}-{h12}"]),
    ("aws-appsync-key", &["da2-{l26}"]),
    ("tencent-key", &["AKID{n32}"]),
    ("yandex-key", &["AQVN{w36}"]),
    ("cloudflare-tunnel-token", &["eyJhIjoi{b170}=="]),
    ("openshift-token", &["sha256~{w43}"]),
    ("rancher-token", &["token-{l5}:{l54}"]),
    ("scalingo-token", &["tk-us-{w48}"]),
    ("render-key", &["rnd_{n32}"]),
    ("vercel-blob-token", &["vercel_blob_rw_{n16}_{n32}"]),
    ("porkbun-key", &["pk1_{h64}", "sk1_{h64}"]),
    ("netbird-token", &["nbp_{n36}"]),
    ("artifactory-key", &["AKCp{n69}", "cmVmdGtu{n56}"]),
    ("circleci-token", &["CCIPAT_{n22}_{h40}", "CCIPRJ_{n22}_{h40}"]),
    ("sonar-token", &["sqp_{h40}", "squ_{h40}", "sqa_{h40}"]),
    ("sourcegraph-token", &["sgp_{h40}", "sgp_{h16}_{h40}", "sgp_local_{h40}"]),
    ("socket-key", &["sktsec_{n44}_api"]),
    ("jetbrains-token", &["perm:{b12}==.{b8}=.{n40}", "perm-{b12}.{b6}.{n42}"]),
    ("harness-token", &["pat.{w22}.{h24}.{n20}", "sat.{w22}.{h24}.{n20}"]),
    ("octopus-key", &["API-{N30}"]),
    ("prefect-key", &["pnu_{n36}", "pnb_{n36}"]),
    ("infracost-key", &["ico-{n32}"]),
    ("openrouter-key", &["sk-or-v1-{h64}"]),
    ("deepseek-key", &["sk-{h32}", "sk-{n48}"]),
    ("langfuse-key", &["sk-lf-{h8}-{h4}-{h4}-{h4}-{h12}"]),
    ("langsmith-key", &["lsv2_pt_{h32}_{h10}", "lsv2_sk_{h32}_{h10}"]),
    ("pinecone-key", &["pcsk_{n6}_{n60}"]),
    ("together-key", &["tgp_v1_{w43}"]),
    ("elevenlabs-key", &["sk_{h48}"]),
    ("nvidia-key", &["nvapi-{w64}"]),
    ("anyscale-key", &["esecret_{n26}"]),
    ("jina-key", &["jina_{h32}{w28}"]),
    ("tavily-key", &["tvly-{n32}", "tvly-dev-{n32}"]),
    ("e2b-key", &["e2b_{h40}"]),
    ("daytona-key", &["dtn_{h64}"]),
    ("browserbase-key", &["bb_live_{w27}"]),
    ("apify-token", &["apify_api_{n36}"]),
    ("resend-key", &["re_{n8}_{n24}"]),
    ("mapbox-token", &["sk.eyJ{w80}.{w22}"]),
    ("contentful-token", &["CFPAT-{w43}"]),
    ("dropbox-token", &["sl.{w135}", "sl.u.{w180}"]),
    ("dynatrace-token", &["dt0c01.{N24}.{N64}", "dt0s16.{N24}.{N64}"]),
    ("honeycomb-key", &["hcaik_{l58}", "hcamk_{l58}"]),
    ("posthog-key", &["phx_{n43}", "phs_{n43}"]),
    ("intercom-token", &["dG9rO{b54}="]),
    ("hubspot-token", &["pat-na1-{h8}-{h4}-{h4}-{h4}-{h12}", "pat-eu1-{h8}-{h4}-{h4}-{h4}-{h12}"]),
    ("trello-token", &["ATTA{h64}"]),
    ("clickup-token", &["pk_{d8}_{N32}"]),
    ("adobe-secret", &["p8e-{w32}"]),
    ("adafruit-key", &["aio_{n28}"]),
    ("duffel-token", &["duffel_live_{w43}", "duffel_test_{w43}"]),
    ("easypost-key", &["EZAK{n54}", "EZTK{n54}"]),
    ("flutterwave-key", &["FLWSECK-{n32}-X", "FLWSECK_TEST-{n32}-X"]),
    ("frameio-token", &["fio-u-{w64}"]),
    ("braintree-token", &["access_token$production${l16}${h32}"]),
    (
        "plaid-token",
        &[
            "access-sandbox-{h8}-{h4}-{h4}-{h4}-{h12}",
            "access-production-{h8}-{h4}-{h4}-{h4}-{h12}",
        ],
    ),
    ("shippo-token", &["shippo_live_{h40}", "shippo_test_{h40}"]),
    ("readme-key", &["rdme_{l70}"]),
    ("typeform-token", &["tfp_{w59}"]),
    ("matrix-token", &["syt_{n10}_{n20}_{n6}"]),
    ("twitch-token", &["oauth:{l30}"]),
    ("zapier-webhook", &["https://hooks.zapier.com/hooks/catch/<{d7}/{l7}>"]),
    (
        "feishu-webhook",
        &[
            "https://open.feishu.cn/open-apis/bot/v2/hook/<{h8}-{h4}-{h4}-{h4}-{h12}>",
            "https://open.larksuite.com/open-apis/bot/v2/hook/<{h8}-{h4}-{h4}-{h4}-{h12}>",
        ],
    ),
    ("mongodb-atlas-key", &["mdb_sa_sk_{w40}"]),
    ("cockroach-key", &["CCDB1_{n22}_{n40}"]),
    ("xata-key", &["xau_{n32}"]),
    ("neon-key", &["napi_{l64}"]),
    (
        "one-password-secret-key",
        &["A3-{N6}-{N11}-{N5}-{N5}-{N5}", "A3-{N6}-{N6}-{N5}-{N5}-{N5}-{N5}"],
    ),
    ("settlemint-token", &["sm_pat_{n16}", "sm_aat_{n16}"]),
    ("docker-auth", &["\"auth\": \"<{b30}==>\""]),
    ("kube-client-key", &["    client-key-data: <{b200}==>"]),
    ("wireguard-key", &["PrivateKey = <{b43}=>", "PresharedKey = <{b43}=>"]),
    (
        "private-key",
        &[
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,{H32}\n\n{b64}\n{b64}\n{b31}=\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\r\n{b64}\r\n{b20}==\r\n-----END PRIVATE KEY-----",
            "-----BEGIN OPENSSH PRIVATE KEY-----\n{b70}\n{b70}\n-----END OPENSSH PRIVATE KEY-----",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n{b64}\n={b4}\n-----END PGP PRIVATE KEY BLOCK-----",
            "-----BEGIN EC PRIVATE KEY-----\\n{b64}\\n{b40}\\n-----END EC PRIVATE KEY-----",
        ],
    ),
    ("jwt", &["eyJhbGciOiJIUzI1NiJ9.eyJ{w60}.{w43}", "eyJ{w36}.eyJ{w400}.{w342}"]),
    (
        "authorization",
        &[
            "Authorization: Bearer <{w40}>",
            "authorization: token <{h40}>",
            "'Authorization':'Basic <{b24}==>'",
            "Authorization: SSWS <{w42}>",
            "Authorization: Splunk <{h8}-{h4}-{h4}-{h4}-{h12}>",
        ],
    ),
    (
        "api-key-header",
        &[
            "x-api-key: <{n40}>",
            "PRIVATE-TOKEN: <{w20}>",
            "DD-API-KEY: <{h32}>",
            "X-Vault-Token: <{n26}>",
            "X-Amz-Security-Token: <{b300}>",
            "X-RapidAPI-Key: <{n50}>",
            "Ocp-Apim-Subscription-Key: <{h32}>",
        ],
    ),
    (
        "url-password",
        &[
            "postgres://user:<{n16}>@db.example.com/x",
            "redis://:<{n20}>@cache",
            "https://ada:<p-{n8}!>@example.com",
        ],
    ),
];

impl Random {
    fn text(&mut self, kind: char, length: usize) -> String {
        let upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let (lower, digits) = (upper.to_lowercase(), "0123456789");
        let all = match kind {
            'U' => format!("{upper}234567"),
            'N' => format!("{upper}{digits}"),
            'Q' => "ACDEFGHJKLMNPQRSTUVWXYZ023456789".to_owned(),
            'A' => format!("{upper}{lower}"),
            'n' => format!("{upper}{lower}{digits}"),
            'w' => format!("{upper}{lower}{digits}_-"),
            'b' => format!("{upper}{lower}{digits}+/"),
            'l' => format!("{lower}{digits}"),
            'h' => format!("{digits}abcdef"),
            'H' => format!("{digits}ABCDEF"),
            'd' => digits.to_owned(),
            other => panic!("{other}"),
        };
        let all: Vec<char> = all.chars().collect();
        (0..length).map(|_| all[self.index(all.len())]).collect()
    }

    /// A secret of this form within its context, and what is left of that.
    fn secret(&mut self, rule: &str, form: &str) -> (String, String) {
        let mut whole = String::new();
        let mut rest = form;
        while let Some((before, after)) = rest.split_once('{') {
            let (kind, after) = after.split_once('}').unwrap();
            let (kind, length) = kind.split_at(1);
            whole += before;
            whole += &self.text(kind.chars().next().unwrap(), length.parse().unwrap());
            rest = after;
        }
        whole += rest;
        let marker = format!("[REDACTED:{rule}]");
        match whole
            .split_once('<')
            .and_then(|(before, after)| Some((before, after.split_once('>')?)))
        {
            Some((before, (secret, after))) => {
                (format!("{before}{secret}{after}"), format!("{before}{marker}{after}"))
            }
            None => (whole, marker),
        }
    }
}

static REDACTOR: LazyLock<Arc<Redactor>> =
    LazyLock::new(|| redactor("options.redact", true, &[], &[], None).unwrap());

/// What comes out of a stream that gets these pieces, with everything that it holds at the end.
fn through(redactor: &Arc<Redactor>, pieces: &[&[u8]]) -> String {
    let mut stream = Stream::new(Arc::clone(redactor));
    let mut all = Vec::new();
    for piece in pieces {
        all.extend_from_slice(&stream.feed(piece));
    }
    all.extend_from_slice(&stream.release());
    assert!(!stream.is_holding());
    String::from_utf8(all).unwrap()
}

/// What is left of chunks that are stored already, with those of the other stream between them.
fn as_stored(redactor: &Arc<Redactor>, pieces: &[&[u8]]) -> String {
    let mut chunks = Chunks::new(redactor);
    let (mut all, mut order) = (Vec::new(), Vec::new());
    let mut take = |chunks: &mut Chunks<usize>, is_end| {
        while let Some(Known { chunk, kind, data, cleaned, found }) = chunks.next(is_end) {
            assert!(cleaned.is_some() || found.is_empty());
            order.push(chunk);
            match kind {
                OutputType::Stdout => all.extend(cleaned.unwrap_or(data)),
                OutputType::Stderr => assert_eq!((data.as_slice(), cleaned), (&b"-"[..], None)),
            }
        }
    };
    for (at, piece) in pieces.iter().enumerate() {
        chunks.push(2 * at, OutputType::Stdout, piece.to_vec());
        chunks.push(2 * at + 1, OutputType::Stderr, b"-".to_vec());
        take(&mut chunks, false);
    }
    chunks.end();
    take(&mut chunks, true);
    assert_eq!(order, (0..2 * pieces.len()).collect::<Vec<_>>());
    String::from_utf8(all).unwrap()
}

#[test]
fn a_secret_is_told_once_however_many_chunks_have_it() {
    let mut chunks = Chunks::new(&REDACTOR);
    chunks.push((), OutputType::Stdout, b"-----BEGIN RSA PRIVATE KEY-----\nMIIE".to_vec());
    for _ in 0..100 {
        chunks.push((), OutputType::Stdout, b"bW9yZSBvZiB0aGUga2V5\n".to_vec());
    }
    assert!(chunks.is_open());
    chunks.push((), OutputType::Stdout, b"-----END RSA PRIVATE KEY-----\nthe end".to_vec());
    chunks.end();
    let found: Vec<_> =
        std::iter::from_fn(|| chunks.next(true)).flat_map(|known| known.found).collect();
    assert_eq!(found.iter().filter(|(is_first, _)| *is_first).count(), 1);
    let length: usize = found.iter().map(|(_, finding)| finding.length).sum();
    assert_eq!(length, 36 + 21 * 100 + 29);
}

#[test]
fn every_rule_has_its_starts_and_forms() {
    let names: BTreeSet<_> = BUILTIN.iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), BUILTIN.len());
    assert_eq!(names, FORMS.iter().map(|(name, _)| *name).collect());
    for (at, rule) in BUILTIN.iter().enumerate() {
        let known = REDACTOR.rule(at).unwrap();
        assert!(known.start(None).is_some(), "{}", rule.name);
        let plain = syntax::Config::new().unicode(false).utf8(false);
        let hir = syntax::parse_with(rule.pattern, &plain).unwrap();
        let has_border = hir.properties().look_set_prefix().contains(Look::WordAscii);
        assert_eq!(known.has_border, has_border, "{}", rule.name);
    }
}

#[test]
fn every_secret_is_found_wherever_it_is_cut() {
    let mut random = Random(42);
    for (rule, forms) in FORMS {
        for form in *forms {
            let (secret, left) = random.secret(rule, form);
            for (before, after) in
                [("", ""), ("key: ", " and more\n"), ("export X='", "'\n"), ("(", ")\u{e9}")]
            {
                let text = format!("{before}{secret}{after}");
                let wanted = format!("{before}{left}{after}");
                let bytes = text.as_bytes();
                assert_eq!(through(&REDACTOR, &[bytes]), wanted, "{text}");
                assert_eq!(as_stored(&REDACTOR, &[bytes]), wanted, "{text}");
                for at in 1..bytes.len() {
                    let (one, two) = bytes.split_at(at);
                    assert_eq!(through(&REDACTOR, &[one, two]), wanted, "cut at {at}: {text}");
                }
                let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
                assert_eq!(through(&REDACTOR, &pieces), wanted, "byte by byte: {text}");
                assert_eq!(through(&REDACTOR, &[wanted.as_bytes()]), wanted);
            }
        }
    }
}

#[test]
fn colours_in_a_secret_stay_and_hide_nothing() {
    let mut random = Random(7);
    for (rule, forms) in FORMS {
        let (secret, left) = random.secret(rule, forms[0]);
        for at in 0..=secret.len() {
            let (one, two) = secret.split_at(at);
            let text = format!("a {one}\u{1b}[1;31m{two} b\u{1b}[0m");
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(5).collect();
            let found = through(&REDACTOR, &pieces);
            assert_eq!(
                found.replacen("\u{1b}[1;31m", "", 1),
                format!("a {left} b\u{1b}[0m"),
                "{text:?}"
            );
        }
    }
}

#[test]
fn an_escape_sequence_that_is_cut_within_a_secret_stays() {
    let text = b"ghp_0123456789abcdef\x1b[1;31m0123456789abcdef0123 x";
    for at in 1..text.len() {
        let (one, two) = text.split_at(at);
        let wanted = "[REDACTED:github-token]\u{1b}[1;31m x";
        assert_eq!(through(&REDACTOR, &[one, two]), wanted, "{at}");
        assert_eq!(as_stored(&REDACTOR, &[one, two]), wanted, "{at}");
    }
}

#[test]
fn the_rest_of_a_secret_is_replaced_however_late_it_comes() {
    let redactor = &*REDACTOR;
    let mut stream = Stream::new(Arc::clone(redactor));
    let mut seen = String::new();
    let mut take = |bytes: &[u8]| seen += std::str::from_utf8(bytes).unwrap();
    take(&stream.feed(b"-----BEGIN RSA PRIVATE KEY-----\nMIIE"));
    take(&stream.release());
    for _ in 0..1000 {
        take(&stream.feed(b"bW9yZSBvZiB0aGUga2V5\n"));
        take(&stream.release());
    }
    take(&stream.feed(b"-----END RSA PRIVATE KEY-----\nthe end"));
    take(&stream.release());
    assert_eq!(seen, "[REDACTED:private-key]\nthe end");
    assert_eq!(stream.findings()[0].length, 36 + 21 * 1000 + 29);
}

/// What comes out of a stream that gives what it holds back after every piece but the last two.
fn through_released(redactor: &Arc<Redactor>, pieces: &[&[u8]]) -> String {
    let mut stream = Stream::new(Arc::clone(redactor));
    let mut all = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        all.extend_from_slice(&stream.feed(piece));
        if at + 2 < pieces.len() || at + 1 == pieces.len() {
            all.extend_from_slice(&stream.release());
        }
    }
    String::from_utf8(all).unwrap()
}

#[test]
fn what_was_given_before_a_secret_was_certain_costs_nothing_that_follows() {
    let rest = "89abcdef0123456789abcdef0123";
    for (pieces, wanted) in [
        (
            vec!["ghp_0123", "4567", &format!("{rest} hello\n")],
            "ghp_0123[REDACTED:github-token] hello\n",
        ),
        (
            vec!["ghp_0123", "4567", &format!(" ghp_01234567{rest}\n")],
            "ghp_01234567 [REDACTED:github-token]\n",
        ),
        (
            vec!["ghp_0123\u{1b}[1", &format!(";31m4567{rest} x"), ""],
            "ghp_0123\u{1b}[1;31m[REDACTED:github-token] x",
        ),
    ] {
        let bytes: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
        assert_eq!(through_released(&REDACTOR, &bytes), wanted, "{pieces:?}");
    }
}

#[test]
fn the_start_of_a_token_is_held_back_behind_one_that_was_given() {
    let mut stream = Stream::new(Arc::clone(&REDACTOR));
    stream.feed(b"ghp_0123");
    assert_eq!(stream.release(), b"ghp_0123");
    assert_eq!(&*stream.feed(b"4567"), b"");
    assert_eq!(&*stream.feed(b" ghp_0123456789abcdef0123"), b"4567 ");
    assert_eq!(&*stream.feed(b"456789abcdef0123\n"), b"[REDACTED:github-token]");
    assert_eq!(stream.release(), b"\n");
}

#[test]
fn text_without_secrets_comes_through_whole_whenever_it_is_released() {
    let mut random = Random(5);
    let bits = [
        "ghp_",
        "eyJ",
        "sk-",
        "-----BEGIN ",
        "://",
        ":",
        "@",
        "aB3",
        " ",
        "\n",
        "\u{1b}[1m",
        "AKIA",
    ];
    for round in 0..20_000 {
        let text: String = (0..1 + random.below(12)).map(|_| random.one_of(&bits)).collect();
        if through(&REDACTOR, &[text.as_bytes()]) != text {
            continue;
        }
        let mut stream = Stream::new(Arc::clone(&REDACTOR));
        let mut all = Vec::new();
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(1 + random.index(rest.len()));
            all.extend_from_slice(&stream.feed(piece));
            if random.below(2) == 0 {
                all.extend_from_slice(&stream.release());
            }
            rest = after;
        }
        all.extend_from_slice(&stream.release());
        assert_eq!(String::from_utf8(all).unwrap(), text, "{round}");
    }
}

#[test]
fn values_are_found_as_they_are() {
    let literals = [
        Literal {
            name: "DB_PASSWORD".into(),
            value: "hunter2 \u{e9}t\u{e9} with a very long tail that goes on and on".into(),
        },
        Literal { name: "TOKEN".into(), value: "s3cr3tvalue".into() },
    ];
    let redactor = redactor("options.redact", false, &[], &literals, None).unwrap();
    let text = format!("x {} y s3cr3tvalue S3CR3TVALUE s3cr3ts3cr3tvalue", literals[0].value);
    let wanted = "x [REDACTED:DB_PASSWORD] y [REDACTED:TOKEN] S3CR3TVALUE s3cr3t[REDACTED:TOKEN]";
    for size in 1..text.len() {
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
        assert_eq!(through(&redactor, &pieces), wanted, "{size}");
    }
}

#[test]
fn rules_of_the_user_are_followed() {
    let rule = |pattern: &str, ignores_case| Rule {
        name: "corp".into(),
        pattern: pattern.into(),
        ignores_case,
    };
    let made = |rule| redactor("options.redact", false, &[rule], &[], Some("<{rule}>")).unwrap();
    let one = made(rule(r"corp_(?:[a-z]{5})(?:-[a-z]{3})?\b", false));
    assert_eq!(
        through(&one, &[b"a corp_abcde-xyz b corp_abcde-x c corp_abcdef CORP_abcde"]),
        "a <corp> b <corp>-x c corp_abcdef CORP_abcde"
    );
    let two = made(rule(r"corp(?P<secret>[0-9]+)", true));
    assert_eq!(through(&two, &[b"CORP1", b"23 corpX corp4"]), "CORP<corp> corpX corp<corp>");
    for pattern in ["[a-z]+", "a(", "x*corp", ""] {
        let error = redactor("options.redact", false, &[rule(pattern, false)], &[], None)
            .map(drop)
            .unwrap_err();
        assert!(
            error.to_string().starts_with("options.redact.rules[0].pattern must be"),
            "{error}"
        );
    }
    let large = redactor(
        "options.redact",
        false,
        &[rule("corp[a-z]{9}.{1,900}x.{1,900}y", false)],
        &[],
        None,
    );
    assert!(large.map(drop).unwrap_err().to_string().contains("a smaller pattern"));
}

#[test]
fn rules_of_the_user_find_the_same_wherever_the_text_is_cut() {
    for (pattern, ignores_case, text, wanted) in [
        (r"\bcorp-[0-9]{8}|acme-[0-9]{8}", false, "xacme-12345678 ", "x<corp> "),
        (
            r"\b:token-[0-9]{8}",
            false,
            "x:token-12345678 :token-12345678",
            "x<corp> :token-12345678",
        ),
        (
            r"corp_[a-z]{5}\b(?:-[a-z]{3})?",
            false,
            "corp_abcdef corp_abcde-fgh",
            "corp_abcdef <corp>",
        ),
        (r"corp_[a-z]{5}(?:\b|-)x?", false, "corp_abcdef corp_abcde- ", "corp_abcdef <corp> "),
        (r"abc(?:1(?:abcxy)?|xyz[a-z]*)", false, "abc1abcxyzzzz ", "<corp>zzzz "),
        (
            r"corp_(?P<secret>[0-9]*)",
            false,
            "corp_123 corp_ corp_4",
            "corp_<corp> corp_ corp_<corp>",
        ),
        (r"corp\S[a-z]{4}", true, "CORP_abcd corp-EFGH", "<corp> <corp>"),
        (
            r"(?i:corp|acme|initech|hooli|globex)\D[0-9]{4}",
            false,
            "Corp_1234 hooLI_1234",
            "<corp> <corp>",
        ),
    ] {
        let rule = Rule { name: "corp".into(), pattern: pattern.into(), ignores_case };
        let redactor = redactor("options.redact", false, &[rule], &[], Some("<{rule}>")).unwrap();
        assert_eq!(through(&redactor, &[text.as_bytes()]), wanted, "{pattern}");
        for cut in 1..text.len() {
            let (one, two) = text.as_bytes().split_at(cut);
            assert_eq!(through(&redactor, &[one, two]), wanted, "{pattern} {cut}");
            assert_eq!(as_stored(&redactor, &[one, two]), wanted, "{pattern} {cut}");
        }
    }
}

#[test]
fn a_secret_directly_behind_an_escape_sequence_is_found() {
    let token = "ghp_0123456789abcdef0123456789abcdef0123";
    for sequence in [
        "\u{1b}M",
        "\u{1b}=",
        "\u{1b}8",
        "\u{1b}(B",
        "\u{1b}#8",
        "\u{1b} F",
        "\u{1b}F",
        "\u{1b}[?25l",
    ] {
        let text = format!("{sequence}{token}\n");
        let wanted = format!("{sequence}[REDACTED:github-token]\n");
        for cut in 0..text.len() {
            let (one, two) = text.as_bytes().split_at(cut);
            assert_eq!(through(&REDACTOR, &[one, two]), wanted, "{sequence:?} {cut}");
        }
    }
}

#[test]
fn a_marker_may_not_look_like_a_secret() {
    let literals = [Literal { name: "a".into(), value: "REDACTED".into() }];
    let error = redactor("options.redact", false, &[], &literals, None).map(drop).unwrap_err();
    assert!(error.to_string().starts_with("options.redact.marker must be"), "{error}");
}

#[test]
fn pieces_give_what_the_whole_gives() {
    let mut random = Random(99);
    let bits = [
        "eyJ",
        "ghp_",
        "sk-",
        "://",
        ":",
        "@",
        "-----BEGIN ",
        "PRIVATE KEY-----",
        "-",
        ".",
        " ",
        "\n",
        "aB3",
        "\u{1b}[3",
        "1m",
        "\u{1b}[0m",
        "\u{1b}",
        "Authorization: ",
        "Bearer ",
        "AKIA",
        "\u{e9}",
        "s3cr3t",
        "value",
    ];
    let literals = [Literal { name: "T".into(), value: "s3cr3tvalue".into() }];
    let redactor = redactor("options.redact", true, &[], &literals, None).unwrap();
    for round in 0..4000 {
        let mut text = String::new();
        for _ in 0..random.index(12) + 1 {
            let (rule, forms) = FORMS[random.index(FORMS.len())];
            match random.index(4) {
                0 => {
                    let form = forms[random.index(forms.len())];
                    text += &random.secret(rule, form).0;
                }
                1 => text += &random.text('n', 30),
                _ => text += bits[random.index(bits.len())],
            }
        }
        let whole = through(&redactor, &[text.as_bytes()]);
        let mut pieces = Vec::new();
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(1 + random.index(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        assert_eq!(through(&redactor, &pieces), whole, "{round}: {text:?}");
        assert_eq!(as_stored(&redactor, &pieces), whole, "{round}: {text:?}");
        assert_eq!(through(&redactor, &[whole.as_bytes()]), whole, "{round}: {text:?}");
    }
}
