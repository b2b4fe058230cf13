'use strict'

require('./realms.cjs')(require('@gsd/session-store'), { expect, test })
