"""The words of the samples: who there is, what they wrote, what others said."""

from __future__ import annotations

__all__ = ["COMMENTS", "PEOPLE", "POSTS"]

#: Name and city.
PEOPLE = [
    ("Ada", "Lisbon"),
    ("Björn", "Bergen"),
    ("Chen", "Xiamen"),
    ("Dunja", "Split"),
    ("Emeka", "Lagos"),
    ("Farah", "Beirut"),
    ("Gwen", "Cardiff"),
    ("小雨", "Xiamen"),
]

COMMENTS = [
    "I was there last spring. The light is exactly like that.",
    "Thank you for writing this down.",
    "Which lens did you use?",
    "写得真好，谢谢分享。",
    "We have the same wind here, under another name.",
    "I read this aloud at breakfast.",
    "Could you say more about the second part?",
    "Saved for a rainy Sunday.",
    "下次来厦门，我带你去看日落。",
    "Small correction: the ferry leaves at seven in winter.",
    "This made me take the long way home.",
    "My grandmother told it differently, but just as well.",
]

#: Title, tags, the author's number among PEOPLE, text in Markdown.
POSTS = [
    (
        "Hello from the harbour",
        ("harbour", "notes"),
        0,
        """\
This is the first post. I write from a table by the water, with a cup of coffee and a gull that
watches the cup.

## What to expect

- Notes about weather, mostly the wet kind
- Pictures of the sea at different hours
- Now and then a recipe

If you want to write here too, **register**: it takes a name and a password.
""",
    ),
    (
        "How a waterspout forms",
        ("weather", "science"),
        1,
        """\
A waterspout is a column of turning air above water. Most of them are the *fair-weather* kind: they
grow upwards from the surface, live for ten minutes and do little harm.

| stage | what you see |
|---|---|
| dark spot | a disc of calm water, darker than the rest |
| spiral | light and dark bands around it |
| spray ring | water thrown up in a circle |
| mature | a funnel from the cloud to the sea |

> What looks like water drawn up is mostly fog: the pressure falls, and the air can hold no more.

Watch them from far away.
""",
    ),
    (
        "海边的早晨",
        ("harbour", "photos"),
        2,
        """\
五点半，天还没亮，渔船已经回来了。

今天的海很安静，只有缆绳碰到桅杆的声音。我在码头坐了一个小时，拍了三张照片，只留下这一张。

## 带什么去

1. 一件防风的外套
2. 热茶
3. 耐心
""",
    ),
    (
        "Grilled sardines, the short version",
        ("food",),
        3,
        """\
You need sardines that were in the sea this morning, coarse salt, and a fire that has burnt down.

1. Salt them whole, guts and all, and wait for half an hour.
2. Three minutes a side. Do not touch them before.
3. Bread below, to catch what drips.

That is all. Lemon is for fish that is not fresh.
""",
    ),
    (
        "Reading a tide table",
        ("science", "notes"),
        6,
        """\
The table says when, not how it feels. Our bay has a range of twelve metres: between two meals the
sea goes out to the horizon and comes back.

The *rule of twelfths* is good enough for most days. In the six hours between low and high water the
level rises by these parts of the range:

```text
1  2  3  3  2  1     twelfths, hour by hour
```

So in the middle it comes in fastest, and that is when people are caught out on the sand.
""",
    ),
    (
        "Night market by the lagoon",
        ("food", "city"),
        4,
        """\
The generators start at seven. By eight the whole shore smells of suya and diesel, and somebody has
brought a loudspeaker that is too large for the boat that carries it.

I asked the woman who sells grilled corn how long she has had the place. *"Since the water was over
there,"* she said, and pointed at a bus stop.
""",
    ),
    (
        "一封写给雨的信",
        ("weather", "letters"),
        7,
        """\
亲爱的雨：

你今年来得太早了。阳台上的衣服还没收，你就到了。

不过我不怪你。整座城市因为你慢了下来，公交车上的人第一次互相让座。晚上我听着你敲窗户的声音睡着了。

> 小楼一夜听春雨。

下次来之前，先打个雷。
""",
    ),
    (
        "Five bridges before breakfast",
        ("city", "photos"),
        1,
        """\
A walk for people who wake up too early. It takes an hour and a half, and there is a bakery at the
end of it.

- **Puddefjord**: long and loud. Go fast.
- **Nygård**: stop in the middle; the current turns below you.
- **Florida**: for the name.
- The small one by the *marina*, which has none.
- **Store Lungegårdsvann**: look back.
""",
    ),
    (
        "A lamp for the lighthouse keeper",
        ("letters", "harbour"),
        5,
        """\
My uncle kept the light for thirty years. When it became automatic they let him stay in the house,
and he kept getting up at two in the morning to look whether it was lit.

We gave him a lamp with a switch. He turns it off and on again every night at two, and sleeps well.
""",
    ),
    (
        "Notes on salt",
        ("science", "food"),
        3,
        """\
A litre of the Adriatic holds about 38 grams of salt, a litre of the Baltic a fifth of that. You can
taste it, and you can float on it:

~~More salt means warmer water.~~ No: it means denser water, in which you lie higher.

In the pans at Ston they still make it as six hundred years ago: sea, sun, wind, and somebody with a
wooden rake.
""",
    ),
    (
        "The wind has names",
        ("weather", "notes"),
        0,
        """\
Every coast names its winds as others name their neighbours.

| where | wind | what it does |
|---|---|---|
| Lisbon | nortada | spoils the beach at three in the afternoon |
| Split | bura | clears the sky and the washing lines |
| Beirut | khamsin | brings the desert for five days |
| Bergen | *all of them* | brings rain |

What is yours called?
""",
    ),
    (
        "台风过后",
        ("weather", "city"),
        2,
        """\
台风走了，街上都是树叶，空气像洗过一样。

邻居们把门口的沙袋搬开，互相问：*“你家还好吗？”* 平时我们不太说话。

小卖部的老板把冰箱里快化的雪糕分给了所有的小孩。这大概是今年最好的一天。
""",
    ),
    (
        "Learning to row at forty",
        ("notes", "harbour"),
        6,
        """\
It is not about the arms. That is the first thing they tell you, and the last that you believe.

**Week one**: I was turned over twice, once by a swan.

**Week four**: eight of us pulled at the same moment, by accident. For three strokes the boat flew.
Everybody has been talking about these three strokes since.
""",
    ),
    (
        "What the sea gives back",
        ("photos", "letters"),
        5,
        """\
A list of what I found on one kilometre of beach this winter:

1. A door, blue, with its number: 14
2. Eleven left shoes
3. A bottle with a letter in it

The letter said: *"If you find this, the current goes where we thought."* There was an address. I
have written back, by post.
""",
    ),
]
