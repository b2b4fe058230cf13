export { OutputStore } from '@gsd/session-store'
