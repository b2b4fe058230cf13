CASE
  WHEN started_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9]Z'
    THEN started_at
  WHEN substr(started_at, 12, 2) >= '24'
    THEN NULL
  WHEN started_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][ T][0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9]*'
    THEN strftime('%Y-%m-%dT%H:%M:%S.',
        substr(started_at, 1, 19) || ltrim(substr(started_at, 20), '.0123456789'), '+0 days')
      || substr(substr(started_at, 21,
        length(started_at) - 20 - length(ltrim(substr(started_at, 20), '.0123456789'))) || '00', 1, 3) || 'Z'
  WHEN started_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
    THEN strftime('%Y-%m-%dT%H:%M:%S.000Z', started_at, '+0 days')
END
