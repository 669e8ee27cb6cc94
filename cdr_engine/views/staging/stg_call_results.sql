-- grain: one row per known word of call_result or of an attempt's disposition
-- formula: word to outcome: connected, abandoned or deflected
-- source: words seen in reports and named in the vendor's platform documents
-- caveat: an open dictionary: words that are not in it count as other

select *
from (
    values
        ('CONNECTED', 'connected', true),
        ('ANSWER', 'connected', true),
        ('ANSWERED', 'connected', true),
        ('ABANDON', 'abandoned', false),
        ('ABANDONED', 'abandoned', false),
        ('DEFLECT', 'deflected', false),
        ('DEFLECTED', 'deflected', false),
        ('BUSY', 'other', true),
        ('NOANSWER', 'other', true)
) as words (word, outcome, is_line_reached)
