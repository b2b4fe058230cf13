// The file that the server takes from the package.
export * from '@xterm/xterm'
