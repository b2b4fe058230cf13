CASE
  WHEN started_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-2][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z'
    AND substr(started_at, 6, 2) BETWEEN '01' AND '12' AND substr(started_at, 9, 2) BETWEEN '01' AND '28'
    AND substr(started_at, 12, 2) < '24'
    THEN started_at
  WHEN started_at NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
    THEN NULL
  WHEN substr(started_at, 12, 2) >= '24'
    OR strftime('%Y-%m-%d', substr(started_at, 1, 10), '+0 days') IS NOT substr(started_at, 1, 10)
    THEN NULL
  WHEN started_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][ T][0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9]*'
    THEN strftime('%Y-%m-%dT%H:%M:%S.',
        substr(started_at, 1, 19) || ltrim(substr(started_at, 20), '.0123456789'), '+0 days')
      || substr(substr(started_at, 21,
        length(started_at) - 20 - length(ltrim(substr(started_at, 20), '.0123456789'))) || '00', 1, 3) || 'Z'
  WHEN started_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'
    OR started_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][ T][0-9][0-9]:[0-9][0-9]*'
    THEN strftime('%Y-%m-%dT%H:%M:%S.000Z', started_at, '+0 days')
END