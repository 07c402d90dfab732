"""A MikroTik router that is a program: RouterOS's binary API over a hotspot that behaves like one.

It exists because the product drives the router through `routeros-api`, and nothing else would show
what a router does between two calls: devices that log in again by themselves, rows that come back,
ids that belong to somebody else a moment later. It shares no code with the client.

codec   framing: lengths, words, sentences        query     the query stack of `print`
values  durations, flags, addresses               menus     which menus there are, with their fields
tables  rows and ids                              records   rows that are made of what happens
hotspot devices, hosts, logins, traffic, time     rows      what `print` makes of them all
furnishing  what is there at the start            files/    its pages, as they are on a router
commands  print, add, set, remove, …              api       a connection of the binary API
faults  what can be made to go wrong              heard     what the API was told
servlet those pages for a device's browser        template  how RouterOS fills pages in
control the control API                           overview  what the live page (page/) shows
part    it as a process, for scripts/run and the tests
"""
